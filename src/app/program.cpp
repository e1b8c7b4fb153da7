#include <rossby/app/program.hpp>

#include "commands.hpp"

#include <rossby/core/kokkos_compat.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>

namespace rossby {

namespace {
/// How long a rank that failed waits for the others to fail as well, in seconds.
constexpr double patience = 3;

std::string version_text()
{
  return fmt::format("rossby {} (Kokkos {} on {})", ROSSBY_VERSION, Exec::name(),
                     host_accessible ? "the host" : "a device");
}

/// 64-bit FNV-1a: the same on every machine.
std::uint64_t hash_of(std::string const& text)
{
  std::uint64_t h = 14695981039346656037u;
  for (unsigned char const c : text)
    h = (h ^ c) * 1099511628211u;
  return h;
}

/// Reports a failure of this rank. When all ranks failed, each message is printed once and the program ends in an
/// orderly way; when others are still at work, they would wait for this rank for ever, so the job is ended.
int report_failure(Communicator const& world, std::string const& message)
{
  if (!all_ranks_arrive(patience)) {
    log::error(message);
    abort_all_ranks(1);
  }
  auto const messages = world.all_gather(message);
  bool const same = std::all_of(messages.begin(), messages.end(), [&](auto const& m) { return m == messages[0]; });
  if (same && world.rank() == 0)
    log::error(message);
  if (!same)
    log::error(message);
  world.barrier();
  return 1;
}
} // namespace

namespace app {
void DeckArguments::add_to(CLI::App& command)
{
  command.add_option("deck", file, "The run deck (YAML)")->required()->type_name("DECK");
  command.add_option("--set", overrides, "Override or add a deck key; may be repeated")
      ->type_name("a.b=c")
      ->allow_extra_args(false);
}

Deck DeckArguments::load(Communicator const& world) const
{
  // No rank may leave before all have exchanged what they found.
  Deck deck;
  std::optional<Error> failure;
  try {
    deck = Deck::load(file, overrides);
  } catch (Error const& e) {
    failure = e;
  }
  std::string const bad = "could not read it: ";
  auto const mine = failure ? bad + failure->what() : fmt::format("{} {:016x}", ROSSBY_VERSION, hash_of(deck.text()));
  auto const all = world.all_gather(mine);
  if (failure)
    throw *failure;
  for (std::size_t r = 0; r < all.size(); ++r) {
    if (all[r].rfind(bad, 0) == 0)
      fail(file, fmt::format("rank {} {}", r, all[r]));
    if (all[r] != all[0])
      fail(
          file,
          fmt::format("ranks 0 and {} have different decks or versions of this program ({} and {})", r, all[0], all[r]),
          "give all ranks the same program and the same files");
  }
  return deck;
}
} // namespace app

int run_program(int argc, char** argv)
{
  auto const world = Communicator::world();
  log::set_rank(world.rank());
  app::Job job;
  CLI::App program("Trains and runs AI weather models", "rossby");
  program.set_version_flag("--version", version_text());
  program.require_subcommand(1);
  app::add_check(program, job);
  app::add_preprocess(program, job);
  app::add_info(program, job);
  program.footer("'rossby COMMAND --help' explains a command.");
  try {
    program.parse(argc, argv);
  } catch (CLI::ParseError const& e) { // also --help and --version, alike on all ranks
    int const code = world.rank() == 0 ? program.exit(e) : e.get_exit_code();
    return code == 0 ? 0 : 2;
  }
  try {
    return job(world);
  } catch (std::exception const& e) {
    return report_failure(world, e.what());
  }
}

} // namespace rossby
