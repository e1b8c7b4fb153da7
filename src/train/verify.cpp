// Verification. Every rank reads a band of latitudes of forecasts and truths, and makes the sums of metrics
// (ops::pair_sums) by channel for the forecast and for what it has to beat; one sum over ranks for each forecast and
// lead makes them global; correlations are means over forecasts, errors are means over all cells and forecasts.
#include <rossby/forecast.hpp>

#include "core/progress.hpp"
#include "data/climatology.hpp"
#include "data/plan.hpp"
#include "io/array_reader.hpp"
#include "train/baselines.hpp"
#include "train/config.hpp"
#include "train/forecast_files.hpp"
#include "train/forecast_writer.hpp"
#include "train/metrics.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/data/dataset.hpp>
#include <rossby/forecast.hpp>

#include "scores_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

namespace rossby {

namespace {
constexpr std::size_t methods = method_names.size();

/// Running scores of one lead.
struct LeadScores {
  std::int64_t forecasts = 0;
  std::vector<double> e, ee, abs, acc; ///< [method * channels]
  /// `sums`: [method * channels][ops::PairSum] of one forecast, anomalies about a climatology.
  void add(std::vector<double> const& sums, double cells)
  {
    std::size_t const n = sums.size() / ops::pair_sum_count;
    for (auto* v : {&e, &ee, &abs, &acc})
      v->resize(n, 0.0);
    ++forecasts;
    for (std::size_t i = 0; i < n; ++i) {
      double const* s = &sums[i * ops::pair_sum_count];
      e[i] += score(MetricKind::bias, s, cells);
      ee[i] += score(MetricKind::mse, s, cells);
      abs[i] += score(MetricKind::mae, s, cells);
      acc[i] += score(MetricKind::acc, s, cells, 0);
    }
  }
};

/// Reads forecasts of this rank's band, file by file.
class ForecastReader {
public:
  ForecastReader(std::vector<ForecastVariable> const& variables, Box const& band, std::size_t channels)
      : variables_(variables), band_(band), channels_(channels)
  {
  }
  /// [cells, output channels]; channels that the files leave out are zero and not scored.
  std::vector<float> read(std::string const& path, index_t position, Time valid, Grid const& grid)
  {
    if (!file_ || file_->file() != path)
      open(path, grid);
    if (position >= static_cast<index_t>(times_.size()) ||
        static_cast<Time>(times_[static_cast<std::size_t>(position)]) != valid)
      fail(path, "holds other times than the deck asks for", "run rossby forecast with this deck again");
    std::size_t const cells = static_cast<std::size_t>(band_.cells());
    std::vector<float> state(cells * channels_, 0.0f);
    for (auto const& v : variables_) {
      Shape start{position, band_.row0, band_.col0}, count{1, band_.rows(), band_.cols()};
      if (v.is_3d) {
        start.insert(start.begin() + 1, 0);
        count.insert(count.begin() + 1, static_cast<index_t>(v.channels.size()));
      }
      auto const values = file_->read(v.name, start, count);
      for (std::size_t k = 0; k < v.channels.size(); ++k)
        for (std::size_t i = 0; i < cells; ++i)
          state[i * channels_ + static_cast<std::size_t>(v.channels[k])] = static_cast<float>(values[k * cells + i]);
    }
    return state;
  }

private:
  void open(std::string const& path, Grid const& grid)
  {
    if (!std::filesystem::exists(path))
      fail(path, "this forecast is missing", "run rossby forecast with this deck first");
    file_.emplace(path);
    times_ = file_->read("time");
    if (file_->dimension("latitude") != grid.height() || file_->dimension("longitude") != grid.width())
      fail(path, fmt::format("is on another grid than the data, which have {} x {} cells", grid.height(), grid.width()),
           "run rossby forecast with this deck again");
  }
  std::vector<ForecastVariable> const& variables_;
  Box band_;
  std::size_t channels_;
  std::optional<io::ArrayReader> file_;
  std::vector<double> times_;
};

/// What one lead is scored with. All states are [cells, channels].
struct Lead {
  std::vector<float> const &forecast, &truth, &initial;
  int number;
  Time start, valid;
  std::size_t channels;
};

/// This rank's [method * channels][ops::PairSum] of one lead. Correlations are of deviations from `origin`; where that
/// is empty, from the climatology of the training years.
std::vector<double> pair_sums(Exec const& exec, Array const& weight, Lead const& lead, Baselines const& baselines,
                              std::vector<float> const& origin)
{
  auto const &mean = baselines.climatology(lead.valid), &mean_at_start = baselines.climatology(lead.start);
  index_t const cells = weight.size(), channels = static_cast<index_t>(lead.channels);
  auto const field = [&](std::vector<float> const& values) {
    return Array::from_host(exec, DType::float64, {1, cells, channels},
                            std::vector<double>(values.begin(), values.end()));
  };
  std::vector<double> damped(lead.truth.size());
  for (std::size_t i = 0; i < damped.size(); ++i)
    damped[i] = static_cast<double>(mean[i]) +
                baselines.damping(lead.number, i % lead.channels) *
                    (static_cast<double>(lead.initial[i]) - static_cast<double>(mean_at_start[i]));
  Array const truth = field(lead.truth), about = field(origin.empty() ? mean : origin).reshaped({cells, channels});
  Array const predictions[methods] = {field(lead.forecast), field(lead.initial), field(mean),
                                      Array::from_host(exec, DType::float64, {1, cells, channels}, damped)};
  std::vector<double> sums;
  for (auto const& prediction : predictions) {
    Array const mine = Array::empty(DType::float64, {channels, ops::pair_sum_count});
    ops::pair_sums(exec, weight, prediction, truth, 1, mine, about);
    auto const host = mine.to_host(exec);
    sums.insert(sums.end(), host.begin(), host.end());
  }
  return sums;
}

std::vector<Score> collect(std::vector<LeadScores> const& leads, std::vector<ForecastVariable> const& variables,
                           std::size_t channels, Duration timestep, Baselines const& baselines, bool own_climatology)
{
  std::vector<Score> scores;
  for (auto const& v : variables)
    for (std::size_t k = 0; k < v.channels.size(); ++k)
      for (std::size_t lead = 0; lead < leads.size(); ++lead)
        for (std::size_t m = 0; m < methods; ++m) {
          auto const& sums = leads[lead];
          if (sums.forecasts == 0)
            continue;
          auto const c = static_cast<std::size_t>(v.channels[k]), i = m * channels + c;
          double const n = static_cast<double>(sums.forecasts);
          Score s;
          s.variable = v.name;
          s.key = v.key;
          s.level = v.levels[k];
          s.is_3d = v.is_3d;
          s.lead_hours = static_cast<double>(timestep) * static_cast<double>(lead + 1) / 3600;
          s.method = static_cast<Method>(m);
          s.forecasts = sums.forecasts;
          s.rmse = std::sqrt(sums.ee[i] / n);
          s.mae = sums.abs[i] / n;
          s.bias = sums.e[i] / n;
          s.acc = own_climatology && s.method == Method::climatology ? std::numeric_limits<double>::quiet_NaN()
                                                                     : sums.acc[i] / n;
          s.damping = baselines.damping(static_cast<int>(lead + 1), c);
          scores.push_back(s);
        }
  return scores;
}
} // namespace

VerifyResult verify(Session& session, VerifyOptions const& options)
{
  auto const scope = session.enter();
  auto const& world = session.ranks();
  auto const& config = session.config();
  auto const& inference = *config.inference;
  DataPlan const &training = session.training(), &plan = session.plan();
  Grid const& grid = plan.grid;
  Duration const dt = plan.config.timestep;
  Box const band{grid.height() * world.rank() / world.size(), grid.height() * (world.rank() + 1) / world.size(), 0,
                 grid.width()};
  Exec const exec;
  Array const weight_of_cells = cell_weights(latitude_weights(true, grid.latitude, "", ""), band);
  std::vector<double> const weight = weight_of_cells.to_host(exec);
  auto const channels = static_cast<std::size_t>(plan.schema.target_channels());
  int const steps = forecast_steps(inference, dt);

  Dataset training_data(training, band), data(plan, band);
  std::optional<Baselines> baselines;
  {
    Progress bar("climatology", 2 * static_cast<std::int64_t>(training.config.clock().size()), world.rank() == 0);
    baselines.emplace(training_data, weight, steps, world, [&] { bar.step(1); });
    bar.finish();
  }
  std::vector<float> origin;
  if (auto const file = config.metrics.climatology())
    collectively(world, [&] { origin = read_climatology(*file, plan, band, MetricsConfig::climatology_key); });
  auto const times = inference.initial_times();
  std::vector<ForecastVariable> variables;
  collectively(world, [&] { variables = forecast_variables(inference.output, data, times.front()); });
  // What postblocks compute has no truth in the data.
  variables.erase(std::remove_if(variables.begin(), variables.end(),
                                 [&](auto const& v) { return v.channels.back() >= static_cast<index_t>(channels); }),
                  variables.end());
  ForecastReader reader(variables, band, channels);
  std::vector<LeadScores> leads(static_cast<std::size_t>(steps));
  VerifyResult result;
  std::string no_truth;
  Progress bar("verify", static_cast<std::int64_t>(times.size()), world.rank() == 0);
  for (Time const start : times) {
    std::vector<float> initial;
    collectively(world, [&] { initial = data.target(start, true).physical; });
    for (auto const& file : forecast_files(inference, start, dt))
      for (std::size_t k = 0; k < file.steps.size(); ++k) {
        int const lead = file.steps[k];
        Time const valid = start + lead * dt;
        std::vector<float> truth;
        double missing = 0;
        try {
          truth = data.target(valid, false).physical;
        } catch (Error const& e) { // the data end before the forecast does
          no_truth = e.what();
          missing = 1;
        }
        world.all_reduce_max(&missing, 1);
        if (missing > 0) {
          ++result.without_truth;
          continue;
        }
        std::vector<double> sums;
        collectively(world, [&] {
          auto const state = reader.read(file.path, static_cast<index_t>(k), valid, grid);
          sums = pair_sums(exec, weight_of_cells, {state, truth, initial, lead, start, valid, channels}, *baselines,
                           origin);
        });
        world.all_reduce_sum(sums.data(), sums.size());
        leads[static_cast<std::size_t>(lead - 1)].add(sums, static_cast<double>(grid.height() * grid.width()));
        ++result.forecasts;
      }
    bar.step(1);
  }
  bar.finish();
  if (result.forecasts == 0)
    fail("inference", "no forecast has a truth to be held against: " + no_truth, "forecast times that the data cover");
  if (result.without_truth > 0)
    logging::warning(fmt::format("{} of {} forecast states have no truth and are not scored ({})", result.without_truth,
                                 result.without_truth + result.forecasts, no_truth));
  result.scores = collect(leads, variables, channels, dt, *baselines, !config.metrics.climatology());
  std::string const folder = options.output.empty() ? config.save_loc : options.output;
  result.csv = folder + "/scores.csv";
  result.netcdf = folder + "/scores.nc";
  on_first_rank(world, [&] {
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    write_scores_csv(result.csv, result.scores);
    write_scores_netcdf(result.netcdf, result.scores);
  });
  return result;
}

} // namespace rossby
