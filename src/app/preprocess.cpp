#include "commands.hpp"

#include "data/preprocess.hpp"
#include <rossby/core/log.hpp>
#include <rossby/models/spec.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace rossby::app {

namespace {
int run(DeckArguments const& arguments, Communicator const& world)
{
  auto const deck = arguments.load(world);
  Problems problems;
  auto const model = read_spec(deck["model"], problems);
  problems.raise();
  auto const report = preprocess(deck, model->fields, world);

  std::size_t width = 8;
  for (auto const& row : report.rows)
    width = std::max(width, row.key.size());
  logging::info(
      fmt::format("{:<7} {:<{}} {:>9} {:>14} {:>14}", "slice", "variable", width, "level", "mean", "deviation"));
  for (auto const& row : report.rows)
    logging::info(fmt::format("{:<7} {:<{}} {:>9g} {:>14.6g} {:>14.6g}", row.data_type, row.key, width, row.level,
                              row.mean, row.deviation));
  logging::info(fmt::format("\nfitted on {} samples", report.samples));
  for (auto const& file : report.files) {
    if (!file.backup.empty())
      logging::info(fmt::format("kept the older file as {}", file.backup));
    logging::info(fmt::format("wrote {}", file.path));
  }
  return 0;
}
} // namespace

void add_preprocess(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<DeckArguments>();
  auto* const command =
      program.add_subcommand("preprocess", "Fit the scalers that the deck's preblocks name, from its training data");
  o->add_to(*command);
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }, false}; });
}

} // namespace rossby::app
