#include "commands.hpp"

#include "io/replace.hpp"
#include "train/first_generation.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  std::string output;
  bool no_files = false;
};

void write(Options const& o)
{
  auto const old = Deck::load(o.deck.file, o.deck.overrides);
  if (!is_first_generation(old))
    fail(o.deck.file, "is not a deck of the first generation: its data block has sources, or no variables",
         "use it as it is");
  if (std::filesystem::exists(o.output))
    fail(o.output, "exists already", "remove it, or choose another name");
  auto look = o.no_files ? FileLook::nothing() : FileLook::into_files();
  auto const made = to_second_generation(old, look);
  Problems problems;
  made.deck.report_translation(problems);
  for (auto const& e : problems.errors())
    if (e.where().rfind("$", 0) != 0) // a variable may be set where the deck is used
      fail(e.where(), e.problem(), e.fix());
  for (auto const& w : problems.warnings())
    logging::warning(w.what());
  std::string const head = fmt::format("# {}, a deck of CREDIT's first generation, as one of the second.\n"
                                       "# Comments tell what was changed, and why; other keys are as they were.\n",
                                       std::filesystem::path(o.deck.file).filename().string());
  io::replace_text(o.output, head + made.text);
  logging::info(fmt::format("wrote {}", o.output));
}

int run(Options const& o, Communicator const& world)
{
  on_first_rank(world, [&] { write(o); });
  return 0;
}
} // namespace

void add_convert_deck(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command =
      program.add_subcommand("convert-deck", "Write a first-generation deck as one of the second, with comments");
  o->deck.add_to(*command);
  command->add_option("-o,--output", o->output, "Deck to write; must not be there yet")->required()->type_name("NEW");
  command->add_flag("--no-files", o->no_files, "Ask no file of the data which times it holds");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }, false}; });
}

} // namespace rossby::app
