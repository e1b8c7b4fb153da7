#pragma once
/// \file
/// Weighted sums over cells: what losses, metrics and scores are made of, and the adjoint of those that are trained on.
///
/// Fields are [samples, ..., C] with the cells of a sample in between; `samples` of them count, the rest is padding of
/// an uneven batch.

#include "ops/error_kind.hpp"
#include <rossby/core/array.hpp>

namespace rossby::ops {

/// What is summed: cell_weight[cell] * l(prediction, target) with l by channel.
struct ErrorTerms {
  Array cell_weight; ///< float64 [cells]
  IndexList kind;    ///< ErrorKind by channel
  Array delta;       ///< float64 [C], used by huber
};

/// sums[c] (float64 [C]): over samples and cells, in a fixed order.
void error_sums(Exec const&, ErrorTerms const&, Array const& prediction, Array const& target, index_t samples,
                Out sums);
/// gradient = dsums[c] * d sums[c] / d prediction; zero for padding.
void error_sums_backward(Exec const&, ErrorTerms const&, Array const& prediction, Array const& target, index_t samples,
                         Array const& dsums, Out gradient);

/// Sums that pair_sums makes of each channel.
enum PairSum : int { sum_p, sum_t, sum_pp, sum_tt, sum_pt, sum_difference, sum_square, sum_absolute, pair_sum_count };

/// sums (float64 [C, pair_sum_count]): over samples and cells, of cell_weight times p, t, p^2, t^2, p t, p - t, (p -
/// t)^2 and |p - t|. With `origin` (float64 [cells, C]) p and t are deviations from it.
void pair_sums(Exec const&, Array const& cell_weight, Array const& prediction, Array const& target, index_t samples,
               Out sums, Array const& origin = {});

} // namespace rossby::ops
