#pragma once
/// \file
/// training_log.csv: one row for each epoch, with CREDIT's columns.

#include "train/config.hpp"
#include "train/metrics.hpp"

#include <cstdint>
#include <map>
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

/// The table: a header and rows of finished epochs. The file of a run has all of them; a checkpoint has the last, which
/// a run that was killed may have had no time to add to the file.
class TrainingLog {
public:
  TrainingLog(RunConfig const&, std::vector<SchemaEntry> const& variables);

  /// Adds a row. `validation` may be null: its columns are then empty.
  void add(std::int64_t epoch, EpochMeans const& training, EpochMeans const* validation, double rate);
  std::string text() const;
  /// The last row below the header; "" before the first.
  std::string last_row() const;
  /// Takes rows of epochs before `epochs` from tables, by the names of their columns; of an epoch's rows the last
  /// counts. Returns how many there are.
  std::int64_t restore(std::vector<std::string> const& tables, std::int64_t epochs);
  /// The same of one table with CREDIT's columns, and what it says of `metric`, by epoch. Nothing, and no change, when
  /// it lacks an epoch or the metric.
  std::optional<std::vector<double>> adopt(std::string const& csv, std::string const& metric, std::int64_t epochs);
  /// A number of the last row added: "valid_loss", "train_rmse", ...; fails naming the columns when there is none.
  double column(std::string const& name) const;

private:
  std::vector<std::string> columns_;
  std::vector<int> shown_; ///< variables with columns of their own
  std::vector<MetricKind> metrics_;
  int history_len_, train_forecast_len_, valid_forecast_len_;
  /// A table's rows of epochs before `epochs`: what they say under this log's columns, and of `metric`.
  struct Row {
    std::vector<double> values;
    double metric;
  };
  std::map<std::int64_t, Row> read(std::string const& csv, std::string const& metric, std::int64_t epochs) const;
  std::string header_;
  std::map<std::int64_t, std::string> rows_; ///< by epoch
  std::vector<double> last_;
};

} // namespace rossby
