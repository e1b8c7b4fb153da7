#pragma once
/// \file
/// The `metrics:` block: scores in physical units, over all ranks. A score is that of one sample, over all of its
/// cells; what is told of more samples is the mean of their scores, so that it does not depend on how they were cut
/// into batches. (A root or a ratio of sums over a batch would.)

#include "train/loss.hpp"
#include <rossby/comm/communicator.hpp>

#include <vector>

namespace rossby {

/// One variable's score from its weighted sums (ops::PairSum) over `count` values, in terms of weighted means and
/// variances.
///   mse  mean w (p - t)^2          rmse  sqrt(mse)      mae  mean w |p - t|      bias  mean w (p - t)
///   r2score  1 - mean w (p - t)^2 / (var t + eps)
///   log_variance_ratio  log10(var p + eps) - log10(var t + eps)
///   acc  cov(p, t) / (sqrt(var p + eps) sqrt(var t + eps))      activity  sqrt(var p + eps); with a climatology p and
///        t are deviations from it
double score(MetricKind, double const* sums, double count, double eps = 1e-12);

class Metrics {
public:
  /// `climatology`, by cell of the domain's tile and channel, is what acc and activity take anomalies about; empty:
  /// zero, as for channels that it lacks.
  Metrics(MetricsConfig const&, LossDomain const&, std::vector<float> const& climatology = {});

  /// Channels of the fields that are scored.
  index_t channels() const { return variables_.empty() ? 0 : variables_.back().first + variables_.back().second; }
  /// Number of metrics, and what each is.
  int size() const { return static_cast<int>(kinds_.size()); }
  MetricKind kind(int metric) const { return kinds_[static_cast<std::size_t>(metric)]; }

  struct Values {
    std::vector<double> mean;                     ///< by metric: weighted mean over variables
    std::vector<std::vector<double>> by_variable; ///< [metric][variable]
  };
  struct Samples {
    index_t here, all; ///< on the ranks of `tiles`, of which the first count, and of the whole batch
  };
  /// Means over the samples of a batch. `prediction` and `target` in physical units. Collective over `tiles`, the ranks
  /// that share this rank's samples, and over `data`, the ranks with this tile of the others.
  Values compute(Exec const&, Array const& prediction, Array const& target, Samples, Communicator const& tiles,
                 Communicator const& data) const;

private:
  /// [origin][sample][channel][pair_sum_count], over all tiles.
  std::vector<double> whole_sums(Exec const&, Array const& prediction, Array const& target, index_t samples,
                                 std::vector<Array> const& origins, Communicator const& tiles) const;

  std::vector<MetricKind> kinds_;
  std::vector<double> eps_; ///< by metric
  double cells_;
  Array cell_weight_, climatology_; ///< float64; [cells], [cells, channels] or empty
  std::vector<std::pair<int, int>> variables_;
  std::vector<std::vector<double>> weight_; ///< [metric][variable], mean 1
};

} // namespace rossby
