#include "train/training_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

namespace rossby {

EpochMeans::EpochMeans(std::size_t variables, std::size_t metrics)
    : variables_(variables), metrics_(metrics), sums_(2 + variables + metrics + metrics * variables, 0.0)
{
}

void EpochMeans::add(Loss::Value const& loss, Metrics::Values const& metrics, index_t samples)
{
  double const n = static_cast<double>(samples);
  std::size_t i = 0;
  sums_[i++] += n;
  sums_[i++] += n * loss.total;
  for (double const v : loss.by_variable)
    sums_[i++] += n * v;
  for (double const m : metrics.mean)
    sums_[i++] += n * m;
  for (auto const& values : metrics.by_variable)
    for (double const v : values)
      sums_[i++] += n * v;
  ROSSBY_EXPECT(i == sums_.size());
}

void EpochMeans::clear() { std::fill(sums_.begin(), sums_.end(), 0.0); }

void EpochMeans::restore(std::vector<double> const& numbers)
{
  if (numbers.size() == sums_.size())
    sums_ = numbers;
  else
    clear(); // other metrics than before: the epoch's means start anew
}

namespace {
bool is_shown(TrainerConfig const& config, SchemaEntry const& v)
{
  auto const& names = config.save_metric_vars;
  return config.save_all_metric_vars || std::any_of(names.begin(), names.end(), [&](std::string const& name) {
           return v.variable == name || v.key == name || v.key.rfind(name + "/", 0) == 0;
         });
}
} // namespace

TrainingLog::TrainingLog(RunConfig const& config, std::vector<SchemaEntry> const& variables)
    : history_len_(config.data.history_len), train_forecast_len_(config.data.forecast_len),
      valid_forecast_len_(config.validation_data.forecast_len)
{
  columns_ = {
      "index",      "epoch",     "train_history_len", "train_forecast_len", "valid_history_len", "valid_forecast_len",
      "train_loss", "valid_loss"};
  for (auto const& m : config.metrics.metrics) {
    metrics_.push_back(m.kind);
    columns_.push_back("train_" + name_of(m.kind));
    columns_.push_back("valid_" + name_of(m.kind));
  }
  for (std::size_t v = 0; v < variables.size(); ++v) {
    if (!is_shown(config.trainer, variables[v]))
      continue;
    shown_.push_back(static_cast<int>(v));
    for (char const* part : {"train", "valid"}) {
      for (auto const m : metrics_)
        columns_.push_back(fmt::format("{}_{}/{}", part, name_of(m), variables[v].key));
      columns_.push_back(fmt::format("{}_loss_var/{}", part, variables[v].key));
    }
  }
  columns_.push_back("lr");
  for (auto const& c : columns_)
    header_ += (header_.empty() ? "" : ",") + c;
  header_ += '\n';
}

namespace {
/// NaN is an empty cell.
std::string line_of(std::vector<double> const& values)
{
  std::string line;
  for (std::size_t c = 0; c < values.size(); ++c)
    line += (c ? "," : "") + (std::isnan(values[c]) ? std::string() : fmt::format("{}", values[c]));
  return line + '\n';
}
} // namespace

void TrainingLog::add(std::int64_t epoch, EpochMeans const& training, EpochMeans const* validation, double rate)
{
  double const nothing = std::numeric_limits<double>::quiet_NaN();
  auto const valid = [&](auto f) { return validation && validation->samples() > 0 ? f(*validation) : nothing; };
  last_ = {static_cast<double>(rows_.size()),
           static_cast<double>(epoch),
           static_cast<double>(history_len_),
           static_cast<double>(train_forecast_len_),
           static_cast<double>(history_len_),
           static_cast<double>(valid_forecast_len_),
           training.loss(),
           valid([](auto const& v) { return v.loss(); })};
  for (std::size_t m = 0; m < metrics_.size(); ++m) {
    last_.push_back(training.metric(m));
    last_.push_back(valid([&](auto const& v) { return v.metric(m); }));
  }
  for (int const variable : shown_) {
    auto const i = static_cast<std::size_t>(variable);
    for (std::size_t m = 0; m < metrics_.size(); ++m)
      last_.push_back(training.metric_of(m, i));
    last_.push_back(training.loss_of(i));
    for (std::size_t m = 0; m < metrics_.size(); ++m)
      last_.push_back(valid([&](auto const& v) { return v.metric_of(m, i); }));
    last_.push_back(valid([&](auto const& v) { return v.loss_of(i); }));
  }
  last_.push_back(rate);
  rows_[epoch] = line_of(last_);
}

std::string TrainingLog::text() const
{
  std::string text = header_;
  for (auto const& row : rows_)
    text += row.second;
  return text;
}

std::string TrainingLog::last_row() const { return rows_.empty() ? "" : header_ + rows_.rbegin()->second; }

namespace {
std::vector<std::string> cells_of(std::string line)
{
  if (!line.empty() && line.back() == '\r')
    line.pop_back();
  std::vector<std::string> cells{""};
  for (char const c : line)
    c == ',' ? static_cast<void>(cells.emplace_back()) : cells.back().push_back(c);
  return cells;
}

/// NaN for an empty cell, and for what is not a number.
double number_in(std::string const& cell)
{
  char* end = nullptr;
  double const value = std::strtod(cell.c_str(), &end);
  return cell.empty() || *end != '\0' ? std::numeric_limits<double>::quiet_NaN() : value;
}
} // namespace

std::map<std::int64_t, TrainingLog::Row> TrainingLog::read(std::string const& csv, std::string const& metric,
                                                           std::int64_t epochs) const
{
  // Checkpoints of the first format have rows without a header.
  bool const bare = !csv.empty() && csv[0] >= '0' && csv[0] <= '9';
  std::istringstream lines(bare ? header_ + csv : csv);
  std::string line;
  std::getline(lines, line);
  auto const header = cells_of(line);
  auto const place = [&](std::string const& name) {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  };
  std::map<std::int64_t, Row> rows;
  while (std::getline(lines, line)) {
    auto cells = cells_of(line);
    if (cells.size() != header.size())
      continue;           // cut short
    cells.emplace_back(); // for columns that it lacks
    double const epoch = number_in(cells[place("epoch")]);
    if (!(epoch >= 0 && epoch < static_cast<double>(epochs)))
      continue;
    Row row{{}, number_in(cells[place(metric)])};
    for (auto const& name : columns_)
      row.values.push_back(number_in(cells[place(name)]));
    rows[static_cast<std::int64_t>(epoch)] = std::move(row);
  }
  return rows;
}

std::int64_t TrainingLog::restore(std::vector<std::string> const& tables, std::int64_t epochs)
{
  rows_.clear();
  for (auto const& table : tables)
    for (auto const& [epoch, row] : read(table, "", epochs))
      rows_[epoch] = line_of(row.values);
  return static_cast<std::int64_t>(rows_.size());
}

std::optional<std::vector<double>> TrainingLog::adopt(std::string const& csv, std::string const& metric,
                                                      std::int64_t epochs)
{
  auto rows = read(csv, metric, epochs);
  auto const header = cells_of(csv.substr(0, csv.find('\n')));
  if (static_cast<std::int64_t>(rows.size()) != epochs || std::count(header.begin(), header.end(), metric) == 0)
    return {};
  std::vector<double> history;
  rows_.clear();
  for (auto& [epoch, row] : rows) {
    row.values[0] = static_cast<double>(epoch); // CREDIT's index begins anew with every job
    rows_[epoch] = line_of(row.values);
    history.push_back(row.metric);
  }
  return history;
}

double TrainingLog::column(std::string const& name) const
{
  auto const found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) {
    std::string known;
    for (std::size_t i = 6; i + 1 < columns_.size(); ++i)
      known += (i > 6 ? ", " : "") + columns_[i];
    fail("trainer.training_metric", fmt::format("'{}' is not a column of training_log.csv", name),
         "use one of " + known);
  }
  return last_.empty() ? std::numeric_limits<double>::quiet_NaN()
                       : last_[static_cast<std::size_t>(found - columns_.begin())];
}

} // namespace rossby
