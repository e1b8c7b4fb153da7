#include "commands.hpp"

#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/data/made_up.hpp>
#include <rossby/train/config.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  index_t records = 0;
  double limit = 4;
};

/// Files of means and standard deviations that blocks name.
void add_statistics(Deck const& deck, DataConfig const& data, MadeUpPlan& plan)
{
  auto const preblocks = deck["preblocks"];
  for (char const* phase : {"ic_only", "per_step"})
    if (preblocks.is_map() && preblocks[phase].is_map())
      for (auto const& [name, block] : preblocks[phase].entries())
        if (block.is_map() && block["args"].is_map())
          for (char const* key : {"mean_path", "std_path"})
            if (block["args"][key].is_scalar())
              plan.add_statistics(block["args"][key].as<std::string>(), data);
}

MadeUpPlan plan_of(Deck const& deck, Options const& o)
{
  Problems problems;
  auto const c = RunConfig::read(deck, RunConfig::Purpose::check, problems);
  problems.raise();
  MadeUpPlan plan;
  plan.height = c.model->fields.height;
  plan.width = c.model->fields.width;
  plan.n_levels = c.model->fields.levels;
  std::vector<Time> forecasts;
  if (c.inference)
    for (Time const start : c.inference->initial_times())
      for (Time t = start - (c.data.history_len - 1) * c.data.timestep; t <= start + c.inference->forecast_length;
           t += c.data.timestep)
        forecasts.push_back(t);
  plan.add(c.data, o.records > 0 ? std::vector<Time>() : forecasts, o.records);
  plan.add(c.validation_data, {}, o.records);
  if (o.records > 0 && c.inference) { // from the first initial time on
    auto at = c.data;
    at.ranges = {{c.inference->first_init - (at.history_len - 1) * at.timestep,
                  c.inference->first_init + c.inference->forecast_length}};
    plan.add(at, {}, o.records);
  }
  add_statistics(deck, c.data, plan);
  for (auto const& path : {c.loss.use_latitude_weights ? c.loss.latitude_weights : std::string(),
                           c.metrics.use_latitude_weights ? c.metrics.latitude_weights : std::string()})
    if (!path.empty())
      plan.add_coordinates(path);
  return plan;
}

int run(Options const& o, Communicator const& world)
{
  auto const deck = o.deck.load(world, DataFiles::leave);
  on_first_rank(world, [&] {
    auto const plan = plan_of(deck, o);
    double const gib = plan.bytes() / (1024.0 * 1024 * 1024);
    if (gib > o.limit)
      fail("--limit", fmt::format("the deck's data would be {:.1f} GiB", gib),
           "take fewer records with --records, a smaller grid or fewer dates with --set, or raise the limit");
    for (auto const& path : write_made_up(plan))
      log::info(fmt::format("wrote {}", path));
  });
  return 0;
}
} // namespace

void add_make_data(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand(
      "make-data", "Write made-up data in the layout that a deck asks for, to try it where its data are not");
  o->deck.add_to(*command);
  command->add_option("--records", o->records, "At most so many records in a file (default: all of the deck's dates)")
      ->check(CLI::PositiveNumber);
  command->add_option("--limit", o->limit, "Refuse to write more than so many GiB (default: 4)")
      ->check(CLI::PositiveNumber);
  command->footer("Files that are there already stay as they are. rossby preprocess fits the scalers.");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }, false}; });
}

} // namespace rossby::app
