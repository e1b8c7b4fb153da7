#pragma once
/// \file
/// The `metrics:` block: scores of a batch in physical units, over all ranks.

#include <rossby/comm/communicator.hpp>
#include <rossby/train/loss.hpp>

#include <vector>

namespace rossby {

/// One variable's scores from its weighted sums.
///   mse  mean w (p - t)^2          rmse  sqrt(mse)      mae  mean w |p - t|      bias  mean w (p - t)
///   r2score  1 - sum w (p - t)^2 / (sum w (t - mean t)^2 + 1e-12)
///   acc  cov(p, t) / (sqrt(var p + 1e-12) sqrt(var t + 1e-12)), weighted, about the weighted means
double score(MetricKind, double const* sums, double count);

class Metrics {
public:
  Metrics(MetricsConfig const&, LossDomain const&);

  /// Number of metrics, and what each is.
  int size() const { return static_cast<int>(kinds_.size()); }
  MetricKind kind(int metric) const { return kinds_[static_cast<std::size_t>(metric)]; }

  struct Values {
    std::vector<double> mean;                     ///< by metric: weighted mean over variables
    std::vector<std::vector<double>> by_variable; ///< [metric][variable]
  };
  /// `prediction` and `target` in physical units. Collective over `ranks`, whose tiles and samples make up the batch.
  Values compute(Exec const&, Array const& prediction, Array const& target, index_t samples, index_t global_samples,
                 Communicator const& ranks) const;

private:
  std::vector<MetricKind> kinds_;
  double cells_;
  Array cell_weight_;
  std::vector<std::pair<int, int>> variables_;
  std::vector<std::vector<double>> weight_; ///< [metric][variable], mean 1
};

} // namespace rossby
