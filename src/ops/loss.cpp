#include <rossby/ops/loss.hpp>

namespace rossby::ops {

namespace {
/// Rows that one thread sums before the partial sums are added up. Neighbouring threads take neighbouring channels, so
/// a device reads whole lines; on a host the block stays in cache while its channels are walked.
constexpr index_t block_rows = 64;

using Kinds = decltype(IndexList().view());

template <class T> KOKKOS_INLINE_FUNCTION T error(index_t kind, T delta, T e)
{
  T const size = e < T(0) ? -e : e;
  if (kind == static_cast<index_t>(ErrorKind::squared))
    return e * e;
  if (kind == static_cast<index_t>(ErrorKind::absolute))
    return size;
  return size <= delta ? T(0.5) * e * e : delta * (size - T(0.5) * delta);
}

/// d error / d e; at the kink of |e| zero, as in PyTorch.
template <class T> KOKKOS_INLINE_FUNCTION T error_slope(index_t kind, T delta, T e)
{
  T const sign = e > T(0) ? T(1) : e < T(0) ? T(-1) : T(0);
  if (kind == static_cast<index_t>(ErrorKind::squared))
    return T(2) * e;
  if (kind == static_cast<index_t>(ErrorKind::absolute))
    return sign;
  return e * sign <= delta ? e : delta * sign;
}

index_t blocks_of(index_t rows) { return (rows + block_rows - 1) / block_rows; }

/// sums[k] = sum over blocks of partial[block, k].
void add_blocks(Exec const& exec, View<double const, 2> partial, View<double, 1> sums)
{
  index_t const blocks = static_cast<index_t>(partial.extent(0));
  Kokkos::parallel_for(
      "rossby::ops::add_blocks", Range(exec, 0, static_cast<index_t>(sums.extent(0))), KOKKOS_LAMBDA(index_t k) {
        double sum = 0;
        for (index_t b = 0; b < blocks; ++b)
          sum += partial(b, k);
        sums(k) = sum;
      });
}

template <class T>
void partial_errors(Exec const& exec, View<T const, 2> p, View<T const, 2> t, View<double const, 1> cell_weight,
                    Kinds kind, View<double const, 1> delta, index_t rows, View<double, 2> partial)
{
  index_t const channels = static_cast<index_t>(p.extent(1)), cells = static_cast<index_t>(cell_weight.extent(0));
  Kokkos::parallel_for(
      "rossby::ops::error_sums", Range(exec, 0, blocks_of(rows) * channels), KOKKOS_LAMBDA(index_t i) {
        index_t const block = i / channels, c = i % channels;
        index_t const begin = block * block_rows, end = math::min(rows, begin + block_rows);
        double sum = 0;
        for (index_t r = begin; r < end; ++r)
          sum += cell_weight(r % cells) * static_cast<double>(error<T>(kind(c), T(delta(c)), t(r, c) - p(r, c)));
        partial(block, c) = sum;
      });
}

template <class T>
void error_gradient(Exec const& exec, View<T const, 2> p, View<T const, 2> t, View<double const, 1> cell_weight,
                    Kinds kind, View<double const, 1> delta, index_t rows, View<double const, 1> dsums,
                    View<T, 2> gradient)
{
  index_t const channels = static_cast<index_t>(p.extent(1)), cells = static_cast<index_t>(cell_weight.extent(0));
  Kokkos::parallel_for(
      "rossby::ops::error_sums_backward", Range(exec, 0, static_cast<index_t>(p.extent(0))), KOKKOS_LAMBDA(index_t r) {
        for (index_t c = 0; c < channels; ++c) {
          T const slope = error_slope<T>(kind(c), T(delta(c)), t(r, c) - p(r, c));
          gradient(r, c) = r < rows ? T(-dsums(c) * cell_weight(r % cells)) * slope : T(0);
        }
      });
}

template <class T>
void partial_pairs(Exec const& exec, View<T const, 2> prediction, View<T const, 2> target,
                   View<double const, 1> cell_weight, View<double const, 2> origin, index_t rows,
                   View<double, 3> partial)
{
  bool const deviations = origin.extent(0) > 0;
  index_t const channels = static_cast<index_t>(prediction.extent(1));
  index_t const cells = static_cast<index_t>(cell_weight.extent(0));
  Kokkos::parallel_for(
      "rossby::ops::pair_sums", Range(exec, 0, blocks_of(rows) * channels), KOKKOS_LAMBDA(index_t i) {
        index_t const block = i / channels, c = i % channels;
        index_t const begin = block * block_rows, end = math::min(rows, begin + block_rows);
        double sums[pair_sum_count] = {};
        for (index_t r = begin; r < end; ++r) {
          double const w = cell_weight(r % cells), from = deviations ? origin(r % cells, c) : 0;
          double const p = static_cast<double>(prediction(r, c)) - from, t = static_cast<double>(target(r, c)) - from;
          double const e = p - t;
          sums[sum_p] += w * p;
          sums[sum_t] += w * t;
          sums[sum_pp] += w * p * p;
          sums[sum_tt] += w * t * t;
          sums[sum_pt] += w * p * t;
          sums[sum_difference] += w * e;
          sums[sum_square] += w * e * e;
          sums[sum_absolute] += w * (e < 0 ? -e : e);
        }
        for (int k = 0; k < pair_sum_count; ++k)
          partial(block, c, k) = sums[k];
      });
}

/// [rows, C] of a field whose samples have as many cells as there are weights.
Array as_rows(Array const& field, Array const& cell_weight, index_t samples)
{
  index_t const channels = field.extent(field.rank() - 1);
  index_t const rows = channels > 0 ? field.size() / channels : 0;
  ROSSBY_EXPECT(rows == field.extent(0) * cell_weight.size() && samples <= field.extent(0));
  return field.reshaped({rows, channels});
}
} // namespace

void error_sums(Exec const& exec, ErrorTerms const& terms, Array const& prediction, Array const& target,
                index_t samples, Array const& sums)
{
  Array const p = as_rows(prediction, terms.cell_weight, samples), t = target.reshaped(p.shape());
  index_t const rows = samples * terms.cell_weight.size();
  Array const partial = Array::empty(DType::float64, {blocks_of(rows), p.extent(1)});
  dispatch_wide(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    partial_errors<T>(exec, p.view<T, 2>(), t.view<T, 2>(), terms.cell_weight.view<double, 1>(), terms.kind.view(),
                      terms.delta.view<double, 1>(), rows, partial.view<double, 2>());
  });
  add_blocks(exec, partial.view<double, 2>(), sums.view<double, 1>());
}

void error_sums_backward(Exec const& exec, ErrorTerms const& terms, Array const& prediction, Array const& target,
                         index_t samples, Array const& dsums, Array const& gradient)
{
  Array const p = as_rows(prediction, terms.cell_weight, samples), t = target.reshaped(p.shape());
  Array const g = gradient.reshaped(p.shape());
  dispatch_wide(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    error_gradient<T>(exec, p.view<T, 2>(), t.view<T, 2>(), terms.cell_weight.view<double, 1>(), terms.kind.view(),
                      terms.delta.view<double, 1>(), samples * terms.cell_weight.size(), dsums.view<double, 1>(),
                      g.view<T, 2>());
  });
}

void pair_sums(Exec const& exec, Array const& cell_weight, Array const& prediction, Array const& target,
               index_t samples, Array const& sums, Array const& origin)
{
  Array const p = as_rows(prediction, cell_weight, samples), t = target.reshaped(p.shape());
  index_t const rows = samples * cell_weight.size(), channels = p.extent(1);
  ROSSBY_EXPECT(!origin || origin.size() == cell_weight.size() * channels);
  View<double const, 2> const from =
      origin ? View<double const, 2>(origin.view<double, 2>()) : View<double const, 2>(nullptr, 0, 0);
  Array const partial = Array::empty(DType::float64, {blocks_of(rows), channels, pair_sum_count});
  dispatch_wide(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    partial_pairs<T>(exec, p.view<T, 2>(), t.view<T, 2>(), cell_weight.view<double, 1>(), from, rows,
                     partial.view<double, 3>());
  });
  add_blocks(exec, partial.reshaped({blocks_of(rows), channels * pair_sum_count}).view<double, 2>(),
             sums.flat<double>());
}

} // namespace rossby::ops
