#include "train/loss.hpp"

#include "core/upload.hpp"
#include "data/scaler.hpp"
#include "io/array_reader.hpp"
#include <rossby/core/log.hpp>

#include "spectrum_loss.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rossby {

namespace {
/// The variable that a key of the deck names: the full key or the short name.
std::size_t find(std::vector<SchemaEntry> const& variables, std::string const& key, std::string const& where)
{
  std::string known;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].key == key || variables[i].variable == key)
      return i;
    known += (i ? ", " : "") + variables[i].key;
  }
  fail(where, fmt::format("'{}' is not an output variable", key), "use one of " + known);
}

void scale_to_mean_one(std::vector<double>& weights)
{
  double const mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
  for (auto& w : weights)
    w /= mean;
}
} // namespace

bool is_computed(SchemaEntry const& e)
{
  return e.key.find("/prognostic/") == std::string::npos && e.key.find("/diagnostic/") == std::string::npos;
}

std::vector<double> latitude_weights(bool wanted, std::vector<double> const& latitude, std::string const& file,
                                     std::string const& where)
{
  if (!wanted)
    return std::vector<double>(latitude.size(), 1.0);
  auto rows = latitude;
  if (!file.empty()) {
    io::ArrayReader const reader(file);
    rows = reader.read("latitude");
    if (rows.size() != latitude.size())
      fail(where, fmt::format("{} has {} latitudes, the grid {}", file, rows.size(), latitude.size()),
           "leave the key out to use the latitudes of the data");
    if (rows.front() < rows.back())
      std::reverse(rows.begin(), rows.end());
  }
  double const degree = std::acos(-1.0) / 180;
  for (auto& row : rows)
    row = std::cos(row * degree);
  scale_to_mean_one(rows);
  return rows;
}

Array cell_weights(std::vector<double> const& by_row, Box const& tile)
{
  std::vector<double> weights;
  weights.reserve(static_cast<std::size_t>(tile.cells()));
  for (index_t row = tile.row0; row < tile.row1; ++row)
    weights.insert(weights.end(), static_cast<std::size_t>(tile.cols()), by_row[static_cast<std::size_t>(row)]);
  return Array::from_host(Exec(), DType::float64, {tile.cells()}, weights);
}

std::vector<SchemaEntry> unnamed_variables(int count)
{
  std::vector<SchemaEntry> result(static_cast<std::size_t>(count));
  for (int c = 0; c < count; ++c) {
    auto& v = result[static_cast<std::size_t>(c)];
    v.key = v.variable = fmt::format("channel {}", c);
    v.levels = {0};
    v.first_channel = c;
  }
  return result;
}

Loss::Loss(LossConfig const& config, Use use, LossDomain const& domain)
    : physical_(config.form == LossConfig::Form::base),
      cells_(static_cast<double>(domain.latitude.size()) * static_cast<double>(domain.width))
{
  std::size_t const channels = static_cast<std::size_t>(channels_of(domain.variables));
  std::vector<ElementLoss> elements(channels, use == Use::training ? config.training : config.validation);
  for (auto const& v : domain.variables)
    variables_.emplace_back(v.first_channel, v.n_levels());
  for (auto const& [key, element] : config.overrides) {
    auto const [first, count] = variables_[find(domain.variables, key, "loss.args.base_loss_overrides")];
    std::fill_n(elements.begin() + first, count, element);
  }
  std::vector<index_t> kinds;
  std::vector<double> deltas;
  for (auto const& e : elements) {
    kinds.push_back(static_cast<index_t>(e.kind));
    deltas.push_back(e.delta);
  }
  auto const by_row = latitude_weights(config.use_latitude_weights, domain.latitude, config.latitude_weights,
                                       physical_ ? "loss.args.latitude_weights" : "loss.latitude_weights");
  terms_ = {cell_weights(by_row, domain.tile), IndexList(Exec(), kinds),
            Array::from_host(Exec(), DType::float64, {static_cast<index_t>(channels)}, deltas)};
  if (use == Use::training && (config.use_power_loss || config.use_spectral_loss)) {
    if (config.wavenum_init > domain.width / 2)
      fail("loss.spectral_wavenum_init",
           fmt::format("is {}, but rows of {} cells have wavenumbers up to {}", config.wavenum_init, domain.width,
                       domain.width / 2),
           "give a smaller number");
    spectra_ = std::make_shared<SpectrumLoss const>(config.wavenum_init, by_row, domain.tiling, domain.ranks);
    double const each =
        config.spectral_lambda / static_cast<double>(channels) / static_cast<double>(spectra_->wavenumbers());
    power_ = config.use_power_loss ? each : 0;
    spectral_ = config.use_spectral_loss ? each : 0;
  }
  weight_.assign(channels, 0);
  if (physical_)
    set_base_weights(config, domain.variables);
  else
    set_flat_weights(config, domain.variables);
}

void Loss::set_flat_weights(LossConfig const& config, std::vector<SchemaEntry> const& variables)
{
  weight_.assign(weight_.size(), 1 / static_cast<double>(weight_.size()));
  if (!config.use_variable_weights)
    return;
  for (auto const& [key, values] : config.variable_weights) {
    auto const& v = variables[find(variables, key, "loss.variable_weights")];
    if (values.size() != 1 && values.size() != v.levels.size())
      fail("loss.variable_weights." + key, fmt::format("{} weights for {} levels", values.size(), v.levels.size()),
           "give one weight, or one for each level");
    for (std::size_t i = 0; i < v.levels.size(); ++i)
      weight_[static_cast<std::size_t>(v.first_channel) + i] *= values[values.size() == 1 ? 0 : i];
  }
}

void Loss::set_base_weights(LossConfig const& config, std::vector<SchemaEntry> const& variables)
{
  std::vector<double> weights(variables.size(), 1.0);
  if (config.weighting != LossConfig::Weighting::none)
    for (auto const& [key, values] : config.variable_weights)
      weights[find(variables, key, "loss.args.variable_weights")] = values.at(0);
  if (config.weighting == LossConfig::Weighting::inverse_variance) {
    auto const scalers = ScalerFile::load(config.scaler_path);
    for (std::size_t i = 0; i < variables.size(); ++i)
      if (scalers.has("target", variables[i].key) || !is_computed(variables[i]))
        weights[i] /= std::max(scalers.target_variance(variables[i].key), 1e-12);
      else
        logging::warning_once(
            fmt::format("loss.args.scaler_path: {} holds nothing for {}, which a postblock computes; its "
                        "weight is not divided by a variance",
                        config.scaler_path, variables[i].key));
  }
  if (config.normalize_weights)
    scale_to_mean_one(weights);
  for (std::size_t i = 0; i < variables.size(); ++i)
    for (int level = 0; level < variables[i].n_levels(); ++level)
      weight_[static_cast<std::size_t>(variables[i].first_channel + level)] =
          weights[i] / static_cast<double>(variables.size() * variables[i].levels.size());
}

index_t Loss::terms() const { return static_cast<index_t>(weight_.size()) + (spectra_ ? 2 : 0); }

Var Loss::sums(Context& context, Var const& prediction, Array const& target, index_t samples) const
{
  index_t const channels = static_cast<index_t>(weight_.size());
  Var const spectra = spectra_ ? spectra_->sums(context, prediction, target, samples) : Var();
  Var result(Array::empty(DType::float64, {terms()}), context.recording(prediction));
  ops::error_sums(context.exec, terms_, prediction.value(), target, samples, result.value().rows(0, channels));
  if (spectra)
    result.value().rows(channels, 2).copy_from(context.exec, spectra.value());
  if (context.recording(prediction))
    context.tape->record("loss", result,
                         [terms = terms_, prediction, target, samples, result, spectra, channels](Exec const& exec) {
                           Array const gradient = Array::empty(prediction.value().dtype(), prediction.value().shape());
                           ops::error_sums_backward(exec, terms, prediction.value(), target, samples,
                                                    result.grad().rows(0, channels), gradient);
                           prediction.accumulate(exec, gradient);
                           if (spectra)
                             spectra.accumulate(exec, result.grad().rows(channels, 2).clone(exec));
                         });
  return result;
}

Array Loss::seed(Exec const& exec, index_t global_samples, double factor) const
{
  auto seed = weight_;
  for (auto& s : seed)
    s *= factor / (static_cast<double>(global_samples) * cells_);
  if (spectra_)
    for (double const weight : {power_, spectral_})
      seed.push_back(weight * factor / static_cast<double>(global_samples));
  return upload(exec, DType::float64, {terms()}, seed);
}

Loss::Value Loss::value(std::vector<double> const& global_sums, index_t global_samples) const
{
  double const count = static_cast<double>(global_samples) * cells_;
  Value value;
  for (std::size_t c = 0; c < weight_.size(); ++c)
    value.total += weight_[c] * global_sums[c] / count;
  if (spectra_)
    value.total += (power_ * global_sums[weight_.size()] + spectral_ * global_sums[weight_.size() + 1]) /
                   static_cast<double>(global_samples);
  for (auto const& [first, channels] : variables_)
    value.by_variable.push_back(
        std::accumulate(global_sums.begin() + first, global_sums.begin() + first + channels, 0.0) / (count * channels));
  return value;
}

} // namespace rossby
