#pragma once
/// \file
/// training_log.csv: one row for each epoch, with CREDIT's columns.

#include <rossby/train/config.hpp>
#include <rossby/train/metrics.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// Means over the samples of an epoch, however they are cut into batches. A flat list of numbers inside, so that a
/// checkpoint can carry it.
class EpochMeans {
public:
  EpochMeans(std::size_t variables, std::size_t metrics);

  /// Means over the samples of one batch.
  void add(Loss::Value const&, Metrics::Values const&, index_t samples);
  void clear();
  double samples() const { return sums_[0]; }
  double loss() const { return at(1); }
  double loss_of(std::size_t variable) const { return at(2 + variable); }
  double metric(std::size_t m) const { return at(2 + variables_ + m); }
  double metric_of(std::size_t m, std::size_t variable) const
  {
    return at(2 + variables_ + metrics_ + m * variables_ + variable);
  }

  std::vector<double> const& numbers() const { return sums_; }
  void restore(std::vector<double> const&);

private:
  double at(std::size_t i) const { return sums_[i] / sums_[0]; }
  std::size_t variables_, metrics_;
  std::vector<double> sums_;
};

/// The table: a header and rows of finished epochs.
class TrainingLog {
public:
  TrainingLog(RunConfig const&, std::vector<SchemaEntry> const& variables);

  /// Adds a row. `validation` may be null: its columns are then empty.
  void add(std::int64_t epoch, EpochMeans const& training, EpochMeans const* validation, double rate);
  std::string text() const { return header_ + rows_; }
  std::string const& rows() const { return rows_; }
  void restore(std::string rows) { rows_ = std::move(rows); }
  /// Takes over epochs 0 to `epochs` - 1 of a log with CREDIT's columns, by their names, and returns what it says of
  /// `metric`, by epoch. Nothing, and no change, when it lacks an epoch or the metric.
  std::optional<std::vector<double>> adopt(std::string const& csv, std::string const& metric, std::int64_t epochs);
  /// A number of the last row added: "valid_loss", "train_rmse", ...; fails naming the columns when there is none.
  double column(std::string const& name) const;

private:
  std::vector<std::string> columns_;
  std::vector<int> shown_; ///< variables with columns of their own
  std::vector<MetricKind> metrics_;
  int history_len_, train_forecast_len_, valid_forecast_len_;
  std::string header_, rows_;
  std::vector<double> last_;
};

} // namespace rossby
