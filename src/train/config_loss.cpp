#include "train/config.hpp"

#include <rossby/core/deck_block.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {
using LossKind = ElementLoss::Kind;

std::vector<std::pair<std::string, LossConfig::Weighting>> const& weightings()
{
  static std::vector<std::pair<std::string, LossConfig::Weighting>> const list{
      {"none", LossConfig::Weighting::none},
      {"manual", LossConfig::Weighting::manual},
      {"inverse_variance", LossConfig::Weighting::inverse_variance}};
  return list;
}

/// Losses of CREDIT that are not elementwise, refused by name.
void refuse_other_losses(DeckBlock const& block, std::string const& key)
{
  auto const node = block.child(key);
  auto const name = node.exists() && !node.is_map() && !node.is_list() ? node.as<std::string>() : std::string();
  for (char const* ensemble : {"KCRPS", "almost-fair-crps", "ring-crps"})
    if (name == ensemble)
      node.reject(name + " scores an ensemble, and training here has one member",
                  "choose mse, mae, huber, msle, logcosh, xtanh or xsigmoid");
  for (char const* spectrum : {"spectral", "power"})
    if (name == spectrum)
      node.reject(fmt::format("{} alone says nothing of where waves are", name),
                  fmt::format("choose an elementwise loss and set use_{}_loss: true", name));
  if (name == "covmse")
    // r' inv(C) r with C the covariance of these very r: its mean over N cells is channels * (N - 1) / N + m' inv(C) m,
    // where m is the mean of r. Only m has a gradient.
    node.reject(
        "covmse divides errors by the covariance of the same batch's errors, which leaves the number of channels "
        "whatever the errors are: it trains nothing but their mean over the globe",
        "choose mse, or mse with variable weights");
}

/// Reads the name at `key` and, below `parameters`, its settings.
void read_element_loss(DeckBlock const& block, std::string const& key, std::string const& parameters, ElementLoss& loss)
{
  if (!block.attempt([&] { refuse_other_losses(block, key); }))
    return;
  block.choice(key, loss.kind,
               {{"mse", LossKind::mse},
                {"mae", LossKind::mae},
                {"huber", LossKind::huber},
                {"msle", LossKind::msle},
                {"logcosh", LossKind::logcosh},
                {"xtanh", LossKind::xtanh},
                {"xsigmoid", LossKind::xsigmoid}});
  if (!block.has(parameters))
    return;
  auto const settings = block.block(parameters);
  settings.in_range("delta", loss.delta, 1e-300, 1e300, "more than 0");
}

/// A positive or zero weight, which must be finite.
double weight_of(DeckNode const& node)
{
  double const w = node.as<double>();
  if (!std::isfinite(w) || w < 0)
    node.reject("is not a weight", "give a number of 0 or more");
  return w;
}

void read_latitude_weights(DeckBlock const& block, bool& use, std::string& file)
{
  block("use_latitude_weights", use);
  block("latitude_weights", file);
}

void read_base(DeckBlock const& args, LossConfig& c)
{
  read_element_loss(args, "training_loss", "base_loss_parameters", c.training);
  c.validation = c.training;
  read_element_loss(args, "validation_loss", "validation_loss_parameters", c.validation);
  args.attempt([&] {
    for (auto const& [key, node] : args.child("base_loss_overrides").entries()) {
      ElementLoss loss = c.training;
      read_element_loss(DeckBlock(node, args.problems()), "loss", "parameters", loss);
      c.overrides.emplace_back(key, loss);
    }
  });
  args.choice("var_weighting", c.weighting, weightings());
  args("scaler_path", c.scaler_path);
  args.attempt([&] {
    for (auto const& [key, node] : args.child("variable_weights").entries())
      args.attempt([&, &name = key, &value = node] {
        c.variable_weights.emplace_back(name, std::vector<double>{weight_of(value)});
      });
  });
  args("normalize_weights", c.normalize_weights);
  args("include_computed_diagnostics", c.include_computed_diagnostics);
  read_latitude_weights(args, c.use_latitude_weights, c.latitude_weights);
  if (c.weighting == LossConfig::Weighting::inverse_variance && c.scaler_path.empty())
    args.problems().error(args.path("scaler_path"),
                          "is missing; var_weighting: inverse_variance takes variances from it",
                          "name the scaler file, or set var_weighting: none");
  if (c.weighting == LossConfig::Weighting::manual && c.variable_weights.empty())
    args.problems().error(args.path("variable_weights"), "is empty, but var_weighting is manual",
                          "give a number for each variable key");
}

void read_flat(DeckBlock const& block, LossConfig& c)
{
  if (!block.has("training_loss"))
    block.problems().error(block.path("training_loss"), "is missing",
                           "choose mse, mae, huber, msle, logcosh, xtanh or xsigmoid");
  read_element_loss(block, "training_loss", "training_loss_parameters", c.training);
  c.validation = {LossKind::mae, 1};
  read_element_loss(block, "validation_loss", "validation_loss_parameters", c.validation);
  read_latitude_weights(block, c.use_latitude_weights, c.latitude_weights);
  block("use_variable_weights", c.use_variable_weights);
  block.attempt([&] {
    for (auto const& [key, node] : block.child("variable_weights").entries())
      block.attempt([&, &name = key, &value = node] {
        std::vector<double> weights;
        if (value.is_list())
          for (auto const& item : value.items())
            weights.push_back(weight_of(item));
        else
          weights.push_back(weight_of(value));
        c.variable_weights.emplace_back(name, std::move(weights));
      });
  });
  if (c.use_variable_weights && c.variable_weights.empty())
    block.problems().error(block.path("variable_weights"), "is empty, but use_variable_weights is true",
                           "give a number, or one for each level, for each variable in channel order");
  block("use_power_loss", c.use_power_loss);
  block("use_spectral_loss", c.use_spectral_loss);
  block.in_range("spectral_lambda_reg", c.spectral_lambda, 0.0, 1e300, "0 or more");
  block.in_range("spectral_wavenum_init", c.wavenum_init, 0, 1 << 20, "a wavenumber, 0 or more");
}

using MetricNames = std::vector<std::pair<std::string, MetricKind>>;
MetricNames const& metric_names()
{
  static MetricNames const names{
      {"rmse", MetricKind::rmse},       {"mse", MetricKind::mse},
      {"mae", MetricKind::mae},         {"bias", MetricKind::bias},
      {"r2score", MetricKind::r2score}, {"log_variance_ratio", MetricKind::log_variance_ratio},
      {"acc", MetricKind::acc},         {"activity", MetricKind::activity}};
  return names;
}
} // namespace

namespace {
void read_climatology_keys(DeckBlock const& options, std::optional<std::string> const& other,
                           MetricsConfig::Metric& metric)
{
  if (options("climatology_path", metric.climatology_path) && other && *other != metric.climatology_path)
    options.problems().error(
        options.path("climatology_path"),
        fmt::format("is {}, but another score takes anomalies about {}", metric.climatology_path, *other),
        "name the same file for acc and activity");
  options.ignore("accumulate_climatology",
                 "without climatology_path the fields themselves are scored, not their difference from a running mean");
}
} // namespace

LossConfig LossConfig::read(DeckNode const& node, Problems& problems)
{
  LossConfig c;
  DeckBlock const block(node, problems);
  if (!node.exists()) {
    problems.error(node.path(), "the block is missing", "add loss: {training_loss: mse}");
    return c;
  }
  std::string type = "flat";
  if (block("type", type) && type != "base") {
    problems.error(block.path("type"), fmt::format("unknown value '{}'", type),
                   "use base, or leave type out for a loss on normalised values");
    return c;
  }
  if (type == "base") {
    c.form = Form::base;
    read_base(block.block("args"), c);
  } else {
    read_flat(block, c);
  }
  return c;
}

bool of_anomalies(MetricKind kind) { return kind == MetricKind::acc || kind == MetricKind::activity; }

std::string name_of(MetricKind kind)
{
  for (auto const& [name, k] : metric_names())
    if (k == kind)
      return name;
  return {};
}

std::optional<std::string> MetricsConfig::climatology() const
{
  for (auto const& m : metrics)
    if (of_anomalies(m.kind) && !m.climatology_path.empty())
      return m.climatology_path;
  return {};
}

MetricsConfig MetricsConfig::read(DeckNode const& node, Problems& problems)
{
  MetricsConfig c;
  if (!node.exists())
    return c;
  DeckBlock const block(node, problems);
  bool combined = true;
  block.choice("type", combined, {{"combined", true}});
  auto const args = block.block("args");
  if (args.has("metrics")) {
    c.metrics.clear();
    args.attempt([&] {
      for (auto const& [name, settings] : args.child("metrics").entries()) {
        auto const known = std::find_if(metric_names().begin(), metric_names().end(),
                                        [&, &n = name](auto const& m) { return m.first == n; });
        if (known == metric_names().end()) {
          settings.mark_read();
          problems.error(settings.path(), "there is no such score",
                         "known: rmse, mse, mae, bias, r2score, log_variance_ratio, acc, activity");
          continue;
        }
        Metric metric{known->second};
        DeckBlock const options(settings, problems);
        if (of_anomalies(metric.kind))
          read_climatology_keys(options, c.climatology(), metric);
        if (metric.kind == MetricKind::log_variance_ratio)
          options.in_range("eps", metric.eps, 1e-300, 1e300, "more than 0");
        settings.entries(); // an empty block is read; settings that nobody knows are not
        c.metrics.push_back(metric);
      }
    });
  }
  args.choice("var_weighting", c.weighting, weightings());
  args("scaler_path", c.scaler_path);
  args.attempt([&] {
    for (auto const& [key, value] : args.child("variable_weights").entries())
      args.attempt([&, &name = key, &v = value] { c.variable_weights.emplace_back(name, weight_of(v)); });
  });
  args("normalize_weights", c.normalize_weights);
  args.ignore("include_computed_diagnostics", "metrics score what the loss does");
  read_latitude_weights(args, c.use_latitude_weights, c.latitude_weights);
  if (c.weighting == LossConfig::Weighting::inverse_variance && c.scaler_path.empty())
    problems.error(args.path("scaler_path"), "is missing; var_weighting: inverse_variance takes variances from it",
                   "name the scaler file, or set var_weighting: none");
  return c;
}

} // namespace rossby
