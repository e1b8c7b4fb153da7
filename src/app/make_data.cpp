#include "commands.hpp"

#include "data/made_up.hpp"
#include "train/cf_attributes.hpp"
#include "train/config.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  index_t records = 0;
  double limit = 4;
};

/// Times of forecasts: those of their initial states and of what they are asked for.
std::vector<Time> times_of(InferenceConfig const& inference, DataConfig const& data)
{
  std::vector<Time> times;
  for (Time const start : inference.initial_times())
    for (Time t = start - (data.history_len - 1) * data.timestep; t <= start + inference.forecast_length;
         t += data.timestep)
      times.push_back(t);
  return times;
}

/// Attributes for every variable that forecasts have.
std::string metadata_of(DataConfig const& data)
{
  std::string text;
  for (auto const& source : data.sources)
    for (auto const& group : source.groups)
      for (auto const* names : {&group.vars_3d, &group.vars_2d})
        for (auto const& name : *names)
          text += fmt::format("{}: {{long_name: 'made-up {}', units: '1'}}\n", name, name);
  return text;
}

/// Irradiances by year.
std::string irradiances()
{
  std::string text;
  for (int year = 1800; year <= 2200; ++year)
    text += fmt::format("{} 1361\n", year);
  return text;
}

/// What is asked for where forecasts are made.
void add_inference(Deck const& deck, RunConfig const& c, MadeUpPlan& plan)
{
  auto const node = deck["inference"];
  Problems problems;
  auto const own =
      node["data"].exists() ? DataConfig::read(node["data"], problems, &c.data, DataConfig::Dates::optional) : c.data;
  problems.raise();
  auto forecast = own;
  forecast.ranges.clear();
  plan.add(forecast, times_of(*c.inference, own), 0);
  for (char const* key : {"preblocks", "postblocks"})
    plan.add_blocks(node[key], own);
  if (auto const& metadata = c.inference->output.metadata; !metadata.empty() && !is_attribute_table(metadata))
    plan.texts[metadata] = metadata_of(own);
}

MadeUpPlan plan_of(Deck const& deck, Options const& o)
{
  Problems problems;
  auto const c = RunConfig::read(deck, Purpose::check, problems);
  problems.raise();
  MadeUpPlan plan;
  plan.height = c.model->fields.height;
  plan.width = c.model->fields.width;
  plan.n_levels = c.model->fields.levels;
  plan.add(c.data, {}, o.records);
  plan.add(c.validation_data, {}, o.records);
  if (c.inference)
    add_inference(deck, c, plan);
  for (char const* key : {"preblocks", "postblocks"})
    plan.add_blocks(deck[key], c.data);
  for (auto const* data : {&c.data, &c.validation_data})
    for (auto const& source : data->sources)
      if (auto const& path = source.solar.irradiance_path; !path.empty())
        plan.texts[path] = irradiances();
  if (auto const path = c.metrics.climatology())
    plan.add_climatology(*path, c.data);
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
           "take fewer records with --records, a smaller grid, fewer dates or shorter forecasts with --set, or raise "
           "the limit");
    for (auto const& path : write_made_up(plan))
      logging::info(fmt::format("wrote {}", path));
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
  command
      ->add_option("--records", o->records,
                   "At most so many records in a file, besides those of forecasts (default: all of the deck's dates)")
      ->check(CLI::PositiveNumber);
  command->add_option("--limit", o->limit, "Refuse to write more than so many GiB (default: 4)")
      ->check(CLI::PositiveNumber);
  command->footer("Files that are there already stay as they are. rossby preprocess fits the scalers.");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }, false}; });
}

} // namespace rossby::app
