// Forecasts. Initial times are dealt to the data ranks in turn, a round at a time; each forecast is one rollout that
// records nothing, whose states are written by the ranks that share it, file after file, as soon as they are there.
// Where parameters are shared among data ranks every unit is gathered by all of them: a rank without a forecast in the
// last round computes another's and writes nothing.
#include <rossby/forecast.hpp>

#include "core/progress.hpp"
#include "data/plan.hpp"
#include "io/output_lock.hpp"
#include "train/checkpoint.hpp"
#include "train/config.hpp"
#include "train/forecast_files.hpp"
#include "train/forecast_writer.hpp"
#include "train/weights.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/core/version.hpp>
#include <rossby/data/dataset.hpp>
#include <rossby/parallel/plans.hpp>
#include <rossby/rollout.hpp>

#include "run_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

namespace rossby {

namespace fs = std::filesystem;

namespace {
std::string group_name(OutputConfig::Group group, Time valid, Calendar calendar)
{
  using Group = OutputConfig::Group;
  switch (group) {
  case Group::step:
    return format_time(valid, "%Y-%m-%d_T%H%MZ.nc", calendar);
  case Group::day:
    return format_time(valid, "%Y-%m-%d.nc", calendar);
  case Group::month:
    return format_time(valid, "%Y-%m.nc", calendar);
  case Group::year:
    return format_time(valid, "%Y.nc", calendar);
  case Group::full:
    break;
  }
  return "full.nc";
}

/// One initial time, from its state to its files.
class OneForecast {
public:
  OneForecast(RunConfig const& config, Rollout const& rollout, Dataset& data, Communicator const& spatial,
              std::vector<ForecastVariable> const& variables, std::string source, std::string fingerprint)
      : config_(config), rollout_(rollout), data_(data), spatial_(spatial), variables_(variables),
        source_(std::move(source)), fingerprint_(std::move(fingerprint))
  {
  }

  /// Without `write` it only computes what its peers wait for.
  template <class AfterStep> void run(Time initial, bool write, AfterStep&& after_step)
  {
    Duration const dt = data_.plan().config.timestep;
    Exec const exec;
    BatchStep batch;
    batch.indices.samples = {0};
    RolloutUnderWay state(rollout_);
    int step = 0;
    auto const files = forecast_files(*config_.inference, initial, dt);
    std::optional<io::OutputLock> lock;
    if (write)
      on_first_rank(spatial_, [&] {
        auto const folder = fs::path(files.front().path).parent_path();
        make_folder(folder);
        lock.emplace(folder.string());
      });
    for (auto const& file : files) {
      std::vector<Time> valid;
      for (int const s : file.steps)
        valid.push_back(initial + s * dt);
      std::optional<ForecastWriter> writer;
      if (write) {
        writer.emplace(
            file.path, variables_,
            ForecastWriter::Place{data_.plan().grid, rollout_.output_tile(), spatial_, data_.plan().config.calendar},
            initial, valid, source_, fingerprint_);
      }
      for (int const wanted : file.steps) {
        for (; step < wanted; ++step) {
          batch.step = step;
          collectively(spatial_, [&] {
            if (step == 0)
              batch.input = data_.input(initial);
            else
              batch.forcing = data_.forcing(initial + step * dt);
          });
          state.feed(exec, batch);
          Context context;
          context.exec = exec;
          state.step(context);
          after_step();
        }
        if (writer) {
          Context context;
          context.exec = exec;
          writer->write(state.physical(context).value().to_host(exec));
        }
      }
      if (writer)
        writer->close();
    }
  }

private:
  static void make_folder(fs::path const& folder)
  {
    std::error_code code;
    fs::create_directories(folder, code);
    if (code)
      fail(folder.string(), fmt::format("the folder can't be made ({})", code.message()),
           "choose another inference.save_forecast");
  }

  RunConfig const& config_;
  Rollout const& rollout_;
  Dataset& data_;
  Communicator spatial_;
  std::vector<ForecastVariable> const& variables_;
  std::string source_, fingerprint_;
};

/// The same for the same weights and settings, and for nothing else.
std::string fingerprint_of(Session const& session, LoadedWeights const& weights)
{
  std::string text = fmt::format("{} {} {}\n", version(), weights.averages, state_of_file(weights.checkpoint));
  text += session.config().model->fingerprint() + settings_with_files(session.deck());
  auto const deck = Deck::parse(session.deck().text()); // a copy, in which nothing is marked as read
  auto const inference = deck["inference"];
  for (char const* block : {"output", "data", "preblocks", "postblocks"})
    if (inference.is_map() && inference[block].exists())
      text += inference[block].dump();
  return fmt::format("{:016x}", static_cast<std::uint64_t>(checksum(text)));
}

std::vector<Time> from_first_rank(Communicator const& ranks, std::vector<Time> times)
{
  std::string text;
  for (auto const time : times)
    text += fmt::format("{} ", time);
  ranks.broadcast(text, 0);
  times.clear();
  std::istringstream in(text);
  for (Time time; in >> time;)
    times.push_back(time);
  return times;
}

/// Those of which some file is not written yet.
std::vector<Time> remaining(RunConfig const& config, std::vector<Time> const& times, Duration timestep,
                            std::string const& fingerprint)
{
  std::vector<Time> rest;
  for (auto const time : times) {
    auto const files = forecast_files(*config.inference, time, timestep);
    if (!std::all_of(files.begin(), files.end(), [&](auto const& f) { return is_written(f.path, fingerprint); }))
      rest.push_back(time);
  }
  return rest;
}

std::string find_checkpoint(std::string const& wanted, std::string const& folder)
{
  if (!wanted.empty())
    return wanted;
  for (char const* name : {"/best_checkpoint.h5", "/checkpoint.h5", "/best_model_checkpoint.pt", "/best_checkpoint.pt",
                           "/model_checkpoint.pt", "/checkpoint.pt"})
    if (fs::exists(folder + name))
      return folder + name;
  fail(folder, "holds no checkpoint", "train the model first, or name a checkpoint with --checkpoint");
}
} // namespace

int forecast_steps(InferenceConfig const& config, Duration timestep)
{
  if (config.forecast_length < timestep || config.forecast_length % timestep != 0)
    fail("inference.forecast_length",
         fmt::format("{} is not a multiple of the time step {}", format_duration(config.forecast_length),
                     format_duration(timestep)),
         "use a multiple of data.timestep");
  return static_cast<int>(config.forecast_length / timestep);
}

std::vector<ForecastFile> forecast_files(InferenceConfig const& config, Time initial, Duration timestep)
{
  Duration const interval = config.output.output_interval > 0 ? config.output.output_interval : timestep;
  if (interval % timestep != 0)
    fail("inference.output.output_interval",
         fmt::format("{} is not a multiple of the time step {}", format_duration(interval), format_duration(timestep)));
  int const every = static_cast<int>(interval / timestep), steps = forecast_steps(config, timestep);
  std::string const folder = config.save_forecast + "/" + format_time(initial, "%Y%m%d_%H%MZ", config.calendar) + "/";
  std::vector<ForecastFile> files;
  for (int step = every; step <= steps; step += every) {
    fs::path name = group_name(config.output.group_by, initial + step * timestep, config.calendar);
    std::string const path = folder + (config.output.zarr ? name.replace_extension(".zarr") : name).string();
    if (files.empty() || files.back().path != path)
      files.push_back({path, {}});
    files.back().steps.push_back(step);
  }
  if (files.empty())
    fail("inference.output.output_interval", "is longer than the forecast");
  return files;
}

LoadedWeights load_forecast_weights(Session& session, std::string const& checkpoint)
{
  LoadedWeights loaded;
  auto const& config = session.config();
  collectively(session.ranks(), [&] {
    loaded.checkpoint = find_checkpoint(checkpoint, config.save_loc);
    using Weights = InferenceConfig::Weights;
    loaded.averages = config.inference->weights == Weights::ema ||
                      (config.inference->weights == Weights::automatic && has_averages(loaded.checkpoint));
  });
  read_forecast_weights(loaded.checkpoint, Exec(), session.model().parameters(), loaded.averages);
  logging::info(fmt::format("{} weights of {}", loaded.averages ? "averaged" : "plain", loaded.checkpoint));
  return loaded;
}

ForecastResult forecast(Session& session, ForecastOptions const& options)
{
  auto const scope = session.enter();
  RunConfig const& config = session.config();
  DataPlan const& plan = session.plan();
  collectively(session.ranks(), [&] { // before the model is made
    forecast_files(*config.inference, config.inference->first_init, plan.config.timestep);
    find_checkpoint(options.checkpoint, config.save_loc);
  });
  auto const weights = load_forecast_weights(session, options.checkpoint);
  Model& model = session.model();
  Mesh const& mesh = session.mesh();
  ForecastResult result;
  result.checkpoint = weights.checkpoint;
  result.averages = weights.averages;

  Rollout const rollout(plan, model, mesh.spatial);
  Dataset data(plan, rollout.tile());
  auto times = config.inference->initial_times();
  std::vector<ForecastVariable> variables;
  collectively(session.ranks(), [&] { variables = forecast_variables(config.inference->output, data, times.front()); });
  result.forecasts = times.size();
  result.folder = config.inference->save_forecast;
  std::string fingerprint;
  on_first_rank(session.ranks(), [&] {
    fingerprint = fingerprint_of(session, weights);
    times = remaining(config, times, plan.config.timestep, fingerprint);
  });
  session.ranks().broadcast(fingerprint, 0);
  times = from_first_rank(session.ranks(), times);
  if (times.size() < result.forecasts)
    logging::info(fmt::format("{} of {} forecasts are whole in {} already, of the same weights and settings: skipped",
                              result.forecasts - times.size(), result.forecasts, result.folder));
  OneForecast one(config, rollout, data, mesh.spatial, variables,
                  fmt::format("Rossby {} with weights of {}", version(), result.checkpoint), fingerprint);
  std::size_t const ranks = static_cast<std::size_t>(mesh.data.size()),
                    rank = static_cast<std::size_t>(mesh.data.rank());
  std::size_t const mine = (times.size() - std::min(times.size(), rank) + ranks - 1) / ranks;
  Progress bar("forecast", static_cast<std::int64_t>(mine) * forecast_steps(*config.inference, plan.config.timestep),
               session.ranks().rank() == 0);
  // In the last round some data ranks may be without a forecast. Where parameters are shared they are needed all the
  // same.
  for (std::size_t first = 0; first < times.size(); first += ranks) {
    bool const own = first + rank < times.size();
    if (own || model.parameters().placement().sharded)
      one.run(times[own ? first + rank : first], own, [&] { bar.step(static_cast<std::int64_t>(ranks)); });
  }
  session.ranks().barrier();
  bar.finish(fmt::format("{} forecasts in {}", times.size(), config.inference->save_forecast));
  return result;
}

} // namespace rossby
