#include "program.hpp"

#include "commands.hpp"

#include "core/suggest.hpp"
#include "io/lock.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/kokkos_compat.hpp>
#include <rossby/core/log.hpp>
#include <rossby/core/version.hpp>
#include <rossby/session.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>

namespace rossby {

namespace {
/// How long a rank that failed waits for the others to fail as well, in seconds.
constexpr double patience = 3;

std::string version_text()
{
  return fmt::format("rossby {} (sources {}, Kokkos on {}, {})", version(), source_hash(), Exec::name(),
                     message_passing());
}

/// Ranks that run different programs, or do different things, would wait for each other for ever.
void expect_same_program(Communicator const& world, int argc, char** argv)
{
  std::string arguments;
  for (int i = 1; i < argc; ++i)
    arguments += std::string(argv[i]) + '\n';
  expect_same(world, "rossby", "version of this program", fmt::format("{} of sources {}", version(), source_hash()),
              "give all ranks the same program", Quote::both);
  expect_same(world, "rossby", "command line", arguments, "start all ranks with the same arguments");
}

/// Refuses a first word that is no command; true when it is one.
bool is_command(CLI::App& program, std::string const& word, Communicator const& world)
{
  std::vector<std::string> names;
  for (auto const* command : program.get_subcommands([](CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end())
    return true;
  auto const guess = nearest(word, names);
  if (world.rank() == 0)
    logging::error(fmt::format("there is no command '{}'\n  fix: {}use one of {}", word,
                               guess.empty() ? "" : fmt::format("did you mean '{}'? ", guess), join(names)));
  return false;
}

/// Reports a failure of this rank. When all ranks failed, each message is printed once and the program ends in an
/// orderly way; when others are still at work, they would wait for this rank for ever, so the job is ended.
int report_failure(Communicator const& world, std::string const& message)
{
  if (!all_ranks_arrive(patience)) {
    logging::error(message);
    abort_all_ranks(1);
  }
  auto const messages = world.all_gather(message);
  bool const same = std::all_of(messages.begin(), messages.end(), [&](auto const& m) { return m == messages[0]; });
  if (same && world.rank() == 0)
    logging::error(message);
  if (!same)
    logging::error(message);
  world.barrier();
  if (io::any_file_stuck())
    std::_Exit(1);
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

Deck DeckArguments::load(Communicator const& world, DataFiles files) const
{
  return load_deck(file, overrides, world, files);
}
} // namespace app

int run_program(int argc, char** argv)
{
  std::optional<CommRuntime> messages; // made first, destroyed last
  std::optional<Environment> device;
  auto kokkos_arguments = take_kokkos_arguments(argc, argv);
  auto world = Communicator();
  try {
    if (started_by_launcher()) {
      messages.emplace(argc, argv);
      world = Communicator::world();
    }
  } catch (std::exception const& e) { // of what must exist before the program can speak for all ranks
    logging::error(e.what());
    return 1;
  }
  logging::Scope const scope(std::make_shared<Log>(world.rank()));
  try {
    expect_same_program(world, argc, argv);
  } catch (std::exception const& e) {
    return report_failure(world, e.what());
  }
  app::Job job;
  CLI::App program("Trains and runs AI weather models", "rossby");
  program.set_version_flag("--version", version_text());
  program.require_subcommand(1);
  app::add_new(program, job);
  app::add_check(program, job);
  app::add_preprocess(program, job);
  app::add_train(program, job);
  app::add_forecast(program, job);
  app::add_verify(program, job);
  app::add_apply(program, job);
  app::add_convert(program, job);
  app::add_convert_deck(program, job);
  app::add_make_data(program, job);
  app::add_info(program, job);
  app::add_status(program, job);
  program.footer("'rossby COMMAND --help' explains a command.");
  if (argc > 1 && argv[1][0] != '-' && !is_command(program, argv[1], world))
    return 2;
  try {
    program.parse(argc, argv);
  } catch (CLI::ParseError const& e) { // also --help and --version, alike on all ranks
    int const code = world.rank() == 0 ? program.exit(e) : e.get_exit_code();
    return code == 0 ? 0 : 2;
  }
  try {
    if (job.on_device) {
      if (!messages) {
        messages.emplace(argc, argv);
        world = Communicator::world();
      }
      int count = static_cast<int>(kokkos_arguments.size()) - 1;
      device.emplace(count, kokkos_arguments.data());
    }
    return job.run(world);
  } catch (std::exception const& e) {
    return report_failure(world, e.what());
  }
}

} // namespace rossby
