// Weighted sums by channel. Every loss, metric and score of a field is a few such sums, so one body makes them all
// (sum_rows): a thread adds up a block of rows in float64, then the blocks are added in order. The result depends on
// the number of rows alone, never on threads.
#include "ops/loss.hpp"

#include "core/rows.hpp"

namespace rossby::ops {

namespace {
/// Rows that one thread sums before the partial sums are added up. Neighbouring threads take neighbouring channels, so
/// a device reads whole lines; on a host the block stays in cache while its channels are walked.
constexpr index_t block_rows = 64;

using Kinds = decltype(IndexList().view());

template <class T> KOKKOS_INLINE_FUNCTION T sign(T x) { return x > T(0) ? T(1) : x < T(0) ? T(-1) : T(0); }

/// ln(1 + |p|) - ln(1 + |t|)
template <class T> KOKKOS_INLINE_FUNCTION T log_difference(T p, T t)
{
  return math::log1p(math::fabs(p)) - math::log1p(math::fabs(t));
}

/// The reference adds this to the difference under ln cosh and d tanh.
template <class T> inline constexpr T shift = T(1e-12);

template <class T> KOKKOS_INLINE_FUNCTION T error(index_t kind, T delta, T p, T t)
{
  T const d = t - p, size = math::fabs(d);
  switch (static_cast<ErrorKind>(kind)) {
  case ErrorKind::mse:
    return d * d;
  case ErrorKind::mae:
    return size;
  case ErrorKind::huber:
    return size <= delta ? T(0.5) * d * d : delta * (size - T(0.5) * delta);
  case ErrorKind::msle:
    return log_difference(p, t) * log_difference(p, t);
  case ErrorKind::logcosh: { // |d| + ln((1 + exp(-2 |d|)) / 2): cosh overflows where |d| > 89 in float32
    T const a = math::fabs(d + shift<T>);
    return a + math::log1p(math::exp(T(-2) * a)) - T(0.693147180559945309);
  }
  case ErrorKind::xtanh:
    return (d + shift<T>)*math::tanh(d + shift<T>);
  case ErrorKind::xsigmoid:
    return d * math::tanh(T(0.5) * d);
  }
  return T(0) / T(0); // no such kind
}

/// d error / d prediction; at kinks zero, as in PyTorch.
template <class T> KOKKOS_INLINE_FUNCTION T error_slope(index_t kind, T delta, T p, T t)
{
  T const d = t - p;
  switch (static_cast<ErrorKind>(kind)) {
  case ErrorKind::mse:
    return T(-2) * d;
  case ErrorKind::mae:
    return -sign(d);
  case ErrorKind::huber:
    return math::fabs(d) <= delta ? -d : -delta * sign(d);
  case ErrorKind::msle:
    return T(2) * log_difference(p, t) * sign(p) / (T(1) + math::fabs(p));
  case ErrorKind::logcosh:
    return -math::tanh(d + shift<T>);
  case ErrorKind::xtanh: {
    T const x = d + shift<T>, tanh = math::tanh(x);
    return -(tanh + x * (T(1) - tanh * tanh));
  }
  case ErrorKind::xsigmoid: {
    T const tanh = math::tanh(T(0.5) * d);
    return -(tanh + T(0.5) * d * (T(1) - tanh * tanh));
  }
  }
  return T(0) / T(0);
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

/// sums[c, k] = the sum over rows of what `add(row, channel, double* sums)` adds to its Count numbers.
template <int Count, class Add>
void sum_rows(char const* label, Exec const& exec, index_t rows, index_t channels, Add const& add, Out sums)
{
  Array const partial = Array::empty(DType::float64, {blocks_of(rows), channels * Count});
  auto const out = partial.view<double, 2>();
  Kokkos::parallel_for(
      label, Range(exec, 0, blocks_of(rows) * channels), KOKKOS_LAMBDA(index_t i) {
        index_t const block = i / channels, c = i % channels;
        index_t const begin = block * block_rows, end = math::min(rows, begin + block_rows);
        double mine[Count] = {};
        for (index_t r = begin; r < end; ++r)
          add(r, c, mine);
        for (int k = 0; k < Count; ++k)
          out(block, c * Count + k) = mine[k];
      });
  add_blocks(exec, partial.view<double, 2>(), sums.flat<double>());
}

template <class T>
void sum_errors(Exec const& exec, View<T const, 2> p, View<T const, 2> t, View<double const, 1> cell_weight, Kinds kind,
                View<double const, 1> delta, index_t rows, Out sums)
{
  index_t const cells = static_cast<index_t>(cell_weight.extent(0));
  sum_rows<1>(
      "rossby::ops::error_sums", exec, rows, static_cast<index_t>(p.extent(1)),
      KOKKOS_LAMBDA(index_t r, index_t c, double* sum) {
        sum[0] += cell_weight(r % cells) * static_cast<double>(error<T>(kind(c), T(delta(c)), p(r, c), t(r, c)));
      },
      sums);
}

template <class T>
void error_gradient(Exec const& exec, View<T const, 2> p, View<T const, 2> t, View<double const, 1> cell_weight,
                    Kinds kind, View<double const, 1> delta, index_t rows, View<double const, 1> dsums,
                    View<T, 2> gradient)
{
  index_t const channels = static_cast<index_t>(p.extent(1)), cells = static_cast<index_t>(cell_weight.extent(0));
  for_rows(
      "rossby::ops::error_sums_backward", exec, static_cast<index_t>(p.extent(0)), channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const r = row.number();
        row.each(channels, [&](index_t c) {
          T const slope = error_slope<T>(kind(c), T(delta(c)), p(r, c), t(r, c));
          gradient(r, c) = r < rows ? T(dsums(c) * cell_weight(r % cells)) * slope : T(0);
        });
      });
}

template <class T>
void sum_pairs(Exec const& exec, View<T const, 2> prediction, View<T const, 2> target,
               View<double const, 1> cell_weight, View<double const, 2> origin, index_t rows, Out sums)
{
  bool const deviations = origin.extent(0) > 0;
  index_t const cells = static_cast<index_t>(cell_weight.extent(0));
  sum_rows<pair_sum_count>(
      "rossby::ops::pair_sums", exec, rows, static_cast<index_t>(prediction.extent(1)),
      KOKKOS_LAMBDA(index_t r, index_t c, double* sums_of) {
        double const w = cell_weight(r % cells), from = deviations ? origin(r % cells, c) : 0;
        double const p = static_cast<double>(prediction(r, c)) - from, t = static_cast<double>(target(r, c)) - from;
        sums_of[sum_p] += w * p;
        sums_of[sum_t] += w * t;
        sums_of[sum_pp] += w * p * p;
        sums_of[sum_tt] += w * t * t;
        sums_of[sum_pt] += w * p * t;
        sums_of[sum_difference] += w * (p - t);
        sums_of[sum_square] += w * error(static_cast<index_t>(ErrorKind::mse), 0.0, p, t);
        sums_of[sum_absolute] += w * error(static_cast<index_t>(ErrorKind::mae), 0.0, p, t);
      },
      sums);
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
                index_t samples, Out sums)
{
  Array const p = as_rows(prediction, terms.cell_weight, samples), t = target.reshaped(p.shape());
  index_t const rows = samples * terms.cell_weight.size();
  dispatch_wide(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sum_errors<T>(exec, p.view<T, 2>(), t.view<T, 2>(), terms.cell_weight.view<double, 1>(), terms.kind.view(),
                  terms.delta.view<double, 1>(), rows, sums);
  });
}

void error_sums_backward(Exec const& exec, ErrorTerms const& terms, Array const& prediction, Array const& target,
                         index_t samples, Array const& dsums, Out gradient)
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
               index_t samples, Out sums, Array const& origin)
{
  Array const p = as_rows(prediction, cell_weight, samples), t = target.reshaped(p.shape());
  index_t const rows = samples * cell_weight.size(), channels = p.extent(1);
  ROSSBY_EXPECT(!origin || origin.size() == cell_weight.size() * channels);
  View<double const, 2> const from =
      origin ? View<double const, 2>(origin.view<double, 2>()) : View<double const, 2>(nullptr, 0, 0);
  dispatch_wide(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sum_pairs<T>(exec, p.view<T, 2>(), t.view<T, 2>(), cell_weight.view<double, 1>(), from, rows, sums);
  });
}

} // namespace rossby::ops
