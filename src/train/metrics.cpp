#include "train/metrics.hpp"

#include "data/scaler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rossby {

namespace {
/// The power of a variable's standard deviation that a metric scales with.
int scale_power(MetricKind kind)
{
  switch (kind) {
  case MetricKind::mse:
    return 2;
  case MetricKind::rmse:
  case MetricKind::mae:
  case MetricKind::bias:
  case MetricKind::activity:
    return 1;
  case MetricKind::r2score:
  case MetricKind::log_variance_ratio:
  case MetricKind::acc:
    return 0;
  }
  return 0;
}
} // namespace

double score(MetricKind kind, double const* sums, double count, double eps)
{
  using namespace ops;
  double const mean_p = sums[sum_p] / count, mean_t = sums[sum_t] / count;
  double const var_p = std::max(0.0, sums[sum_pp] / count - mean_p * mean_p);
  double const var_t = std::max(0.0, sums[sum_tt] / count - mean_t * mean_t);
  switch (kind) {
  case MetricKind::mse:
    return sums[sum_square] / count;
  case MetricKind::rmse:
    return std::sqrt(sums[sum_square] / count);
  case MetricKind::mae:
    return sums[sum_absolute] / count;
  case MetricKind::bias:
    return sums[sum_difference] / count;
  case MetricKind::r2score:
    return 1 - sums[sum_square] / count / (var_t + eps);
  case MetricKind::log_variance_ratio:
    return std::log10(var_p + eps) - std::log10(var_t + eps);
  case MetricKind::acc:
    return (sums[sum_pt] / count - mean_p * mean_t) / (std::sqrt(var_p + eps) * std::sqrt(var_t + eps));
  case MetricKind::activity:
    return std::sqrt(var_p + eps);
  }
  return 0;
}

Metrics::Metrics(MetricsConfig const& config, LossDomain const& domain, std::vector<float> const& climatology)
    : cells_(static_cast<double>(domain.latitude.size()) * static_cast<double>(domain.width))
{
  cell_weight_ = cell_weights(latitude_weights(config.use_latitude_weights, domain.latitude, config.latitude_weights,
                                               "metrics.args.latitude_weights"),
                              domain.tile);
  for (auto const& v : domain.variables)
    variables_.emplace_back(v.first_channel, v.n_levels());
  if (config.climatology()) {
    auto const cells = static_cast<std::size_t>(domain.tile.cells()), width = static_cast<std::size_t>(channels()),
               known = cells > 0 ? climatology.size() / cells : 0;
    std::vector<double> origin(cells * width, 0);
    for (std::size_t i = 0; i < climatology.size(); ++i)
      origin[i / known * width + i % known] = static_cast<double>(climatology[i]);
    climatology_ = Array::from_host(Exec(), DType::float64, {domain.tile.cells(), channels()}, origin);
  }

  std::vector<double> manual(variables_.size(), 1.0), deviation(variables_.size(), 1.0);
  for (std::size_t i = 0; i < variables_.size(); ++i)
    for (auto const& [key, weight] : config.variable_weights)
      if (key == domain.variables[i].key || key == domain.variables[i].variable)
        manual[i] = weight;
  if (config.weighting == LossConfig::Weighting::inverse_variance) {
    auto const scalers = ScalerFile::load(config.scaler_path);
    for (std::size_t i = 0; i < variables_.size(); ++i)
      if (scalers.has("target", domain.variables[i].key) || !is_computed(domain.variables[i]))
        deviation[i] = std::sqrt(std::max(1e-12, scalers.target_variance(domain.variables[i].key)));
  }
  for (auto const& metric : config.metrics) {
    kinds_.push_back(metric.kind);
    eps_.push_back(metric.eps);
    std::vector<double> weights;
    for (std::size_t i = 0; i < variables_.size(); ++i)
      weights.push_back((config.weighting == LossConfig::Weighting::none ? 1.0 : manual[i]) /
                        std::pow(deviation[i], scale_power(metric.kind)));
    double const mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
    if (config.normalize_weights)
      for (auto& w : weights)
        w /= mean;
    weight_.push_back(weights);
  }
}

std::vector<double> Metrics::whole_sums(Exec const& exec, Array const& prediction, Array const& target, index_t samples,
                                        std::vector<Array> const& origins, Communicator const& tiles) const
{
  index_t const terms = prediction.extent(prediction.rank() - 1) * ops::pair_sum_count;
  Array const device = Array::empty(DType::float64, {static_cast<index_t>(origins.size()) * samples, terms});
  index_t row = 0;
  for (auto const& origin : origins)
    for (index_t s = 0; s < samples; ++s)
      ops::pair_sums(exec, cell_weight_, prediction.rows(s, 1), target.rows(s, 1), 1, device.rows(row++, 1), origin);
  auto sums = device.to_host(exec);
  tiles.all_reduce_sum(sums.data(), sums.size());
  return sums;
}

Metrics::Values Metrics::compute(Exec const& exec, Array const& prediction, Array const& target, Samples samples,
                                 Communicator const& tiles, Communicator const& data) const
{
  constexpr std::size_t terms = ops::pair_sum_count;
  std::vector<Array> origins{{}};
  if (climatology_)
    origins.push_back(climatology_);
  auto const sums = whole_sums(exec, prediction, target, samples.here, origins, tiles);
  std::size_t const of_anomalies_from = sums.size() / origins.size() * (origins.size() - 1);

  // Sums of scores over samples, [metric][variable].
  std::vector<double> scores(kinds_.size() * variables_.size(), 0);
  auto const width = static_cast<std::size_t>(prediction.extent(prediction.rank() - 1)) * terms;
  for (std::size_t s = 0; s < static_cast<std::size_t>(samples.here); ++s)
    for (std::size_t v = 0; v < variables_.size(); ++v) {
      auto const [first, channels] = variables_[v];
      std::size_t const from = s * width + static_cast<std::size_t>(first) * terms;
      std::vector<double> total(terms, 0), total_anomalies(terms, 0);
      for (std::size_t i = 0; i < static_cast<std::size_t>(channels) * terms; ++i) {
        total[i % terms] += sums[from + i];
        total_anomalies[i % terms] += sums[of_anomalies_from + from + i];
      }
      for (std::size_t m = 0; m < kinds_.size(); ++m)
        scores[m * variables_.size() + v] += score(
            kinds_[m], of_anomalies(kinds_[m]) ? total_anomalies.data() : total.data(), cells_ * channels, eps_[m]);
    }
  data.all_reduce_sum(scores.data(), scores.size());

  Values values;
  for (std::size_t m = 0; m < kinds_.size(); ++m) {
    auto const row = scores.begin() + static_cast<std::ptrdiff_t>(m * variables_.size());
    values.by_variable.emplace_back(row, row + static_cast<std::ptrdiff_t>(variables_.size()));
    for (double& score : values.by_variable[m])
      score /= static_cast<double>(samples.all);
    values.mean.push_back(std::inner_product(weight_[m].begin(), weight_[m].end(), values.by_variable[m].begin(), 0.0) /
                          static_cast<double>(variables_.size()));
  }
  return values;
}

} // namespace rossby
