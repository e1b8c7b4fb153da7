#include "train/config.hpp"

#include <rossby/core/deck_block.hpp>
#include <rossby/session.hpp>

#include <fmt/format.h>

#include <set>

namespace rossby {

namespace {
/// What the blocks must say alike.
void check_agreement(RunConfig const& c, Problems& problems)
{
  auto const& fields = c.model->fields;
  if (!c.data.sources.empty() && c.data.history_len != fields.frames)
    problems.error("model.frames",
                   fmt::format("is {}, but data.history_len is {}: the model takes as many frames as a sample has",
                               fields.frames, c.data.history_len),
                   "make them equal");
  if (fields.output_frames != 1)
    problems.error("model.output_frames",
                   fmt::format("is {}; training and forecasts take one step at a time", fields.output_frames),
                   "set it to 1");
  if (!c.trainer.skip_validation && c.validation_data.history_len != c.data.history_len)
    problems.error("validation_data.history_len",
                   fmt::format("is {}, but data.history_len is {}", c.validation_data.history_len, c.data.history_len),
                   "make them equal");
  for (int const step : c.trainer.backprop_on_timestep)
    if (step > c.data.forecast_len)
      problems.error("trainer.backprop_on_timestep",
                     fmt::format("holds {}, but data.forecast_len is {}", step, c.data.forecast_len),
                     "name steps from 1 to forecast_len");
  if (c.inference && c.data.timestep > 0) {
    auto const multiple = [&](char const* key, Duration d) {
      if (d > 0 && d % c.data.timestep != 0)
        problems.error(std::string("inference.") + key,
                       fmt::format("{} is not a multiple of data.timestep ({})", format_duration(d),
                                   format_duration(c.data.timestep)));
    };
    multiple(c.inference->single ? "single_forecast.forecast_length" : "batch_forecast.forecast_length",
             c.inference->forecast_length);
    multiple("output.output_interval", c.inference->output.output_interval);
  }
}

/// For commands that need no data: what they don't read belongs to others.
RunConfig read_model_alone(Deck const& deck, Purpose purpose, Problems& problems)
{
  using Purpose = Purpose;
  RunConfig c;
  c.model = read_spec(deck["model"], problems);
  std::set<std::string> read{"model"};
  if (purpose == Purpose::model) {
    c.trainer = TrainerConfig::read(deck["trainer"], problems, false);
    read.insert("trainer");
  } else {
    c.seed = 0;
    c.trainer.parallelism = ParallelismConfig::read(deck["trainer"], problems);
    c.trainer.activation_checkpoint = deck["trainer"].get("activation_checkpoint", false);
  }
  if (purpose == Purpose::gradients) {
    c.loss = LossConfig::read(deck["loss"], problems);
    read.insert("loss");
  }
  for (auto const& [key, block] : deck.root().entries())
    if (read.count(key) == 0)
      block.mark_read();
  return c;
}
} // namespace

RunConfig RunConfig::read(Deck const& deck, Purpose purpose, Problems& problems)
{
  if (purpose == Purpose::apply || purpose == Purpose::gradients || purpose == Purpose::model)
    return read_model_alone(deck, purpose, problems);
  bool const forecasts = purpose == Purpose::forecast || purpose == Purpose::verify;
  RunConfig c;
  deck.report_translation(problems);
  DeckBlock const root(deck.root(), problems);
  root.require("save_loc", c.save_loc, "name the folder of the run");
  root.in_range("seed", c.seed, 0, std::numeric_limits<int>::max(), "0 or more");
  c.model = read_spec(deck["model"], problems);

  if (!root.has("data"))
    problems.error("data", "the block is missing", "add a data: block with source, timestep, forecast_len");
  else
    root.attempt([&] { c.data = DataConfig::read(deck["data"], problems); });
  if (root.has("validation_data") && root.has("data_valid"))
    problems.error("data_valid", "is the old name of validation_data, which is there too", "keep validation_data");
  auto const validation = root.has("validation_data") ? deck["validation_data"] : deck["data_valid"];
  if (validation.exists())
    root.attempt([&] { c.validation_data = DataConfig::read(validation, problems, &c.data); });
  else
    c.validation_data = c.data; // as in CREDIT

  c.trainer = TrainerConfig::read(deck["trainer"], problems, !forecasts);
  if (!validation.exists() && !forecasts && !c.trainer.skip_validation)
    problems.warning("validation_data", "is missing, so the data of training serve for validation, as in CREDIT",
                     "add the block, or set trainer.skip_validation: true");
  if (!forecasts || root.has("loss"))
    c.loss = LossConfig::read(deck["loss"], problems);
  c.metrics = MetricsConfig::read(deck["metrics"], problems);
  if (root.has("inference") || forecasts)
    c.inference = InferenceConfig::read(deck["inference"], c.data.calendar, problems);

  root.refuse("custom_objects", "Python classes can't be loaded here", "remove the block");
  root.ignore("pbs", "submit jobs with your scheduler");
  root.ignore("slurm", "submit jobs with your scheduler");
  root.ignore("predict", "forecasts are set up in the inference block");
  if (problems.errors().empty())
    check_agreement(c, problems);
  return c;
}

} // namespace rossby
