#include "commands.hpp"

#include "io/replace.hpp"
#include "train/new_deck.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace rossby::app {

namespace {
struct Options {
  NewDeckOptions deck;
  std::string output;
  bool overwrite = false;
};

int write_new_deck(Options const& o, Communicator const& world)
{
  on_first_rank(world, [&] {
    if (!o.overwrite && std::filesystem::exists(o.output))
      fail(o.output, "is there already", "choose another name, or replace it with --overwrite");
    auto const deck = make_new_deck(o.deck);
    for (auto const& note : deck.notes)
      logging::info(note);
    io::replace_text(o.output, deck.text);
    logging::info(
        fmt::format("\nwrote {0}; next: rossby preprocess {0}, rossby check {0}, rossby train {0}", o.output));
  });
  return 0;
}
} // namespace

void add_new(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand("new", "Write a deck for files or Zarr stores of fields");
  command->add_option("data", o->deck.data, "Files, Zarr stores, folders of them, or patterns")->required();
  command->add_option("-o,--output", o->output, "The deck to write")->required();
  command->add_option("-n,--ranks", o->deck.ranks, "Number of ranks that the run will have (1)")
      ->check(CLI::PositiveNumber);
  command->add_option("--save-loc", o->deck.save_loc, "The run's folder (runs/new)");
  command->add_option("--prognostic", o->deck.prognostic,
                      "Variables to forecast that the rules take for something else");
  command->add_option("--diagnostic", o->deck.diagnostic, "Variables that the model gives but does not take");
  command->add_option("--forcing", o->deck.forcing, "Variables that the model takes but does not give");
  command->add_option("--leave-out", o->deck.left_out, "Variables to leave out");
  command->add_flag("--overwrite", o->overwrite, "Replace a deck of that name");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return write_new_deck(*o, world); }, false}; });
}

} // namespace rossby::app
