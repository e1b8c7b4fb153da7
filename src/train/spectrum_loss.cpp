// Spectra along latitude circles. Rows that tiles cut come whole to one rank each by an index map, in equal shares. The
// transform is a product with a table of cosines and sines: W^2 operations a row and channel where a fast transform
// takes W log W, but in the one operation that every machine has at full speed, for any W, for all channels at once,
// and with a transposed product as its adjoint. At a quarter of a degree that is a few per cent of a step of the
// smallest model that is trained there. Rows are transformed one after the other and once more in the backward pass, so
// that nothing but the fields is kept.
#include "spectrum_loss.hpp"

#include "ops/fixed_order_sum.hpp"
#include "ops/gemm.hpp"
#include <rossby/autograd/functions.hpp>

#include <cmath>

namespace rossby {

namespace {
constexpr double least_power = 1e-8; ///< under the logarithm

/// A row's transform [2 K, C]: real parts, then imaginary ones.
template <class T> using Transform = View<T const, 2>;

template <class T> struct Row {
  Transform<T> prediction, target;
  index_t wavenumbers, first, width;
  double weight;
  KOKKOS_INLINE_FUNCTION double factor(index_t k) const
  {
    double const w = static_cast<double>(width);
    return (first + k == 0 ? 1 : 2) / (w * w);
  }
  KOKKOS_INLINE_FUNCTION double square(Transform<T> const& f, index_t k, index_t c) const
  {
    double const re = static_cast<double>(f(k, c)), im = static_cast<double>(f(wavenumbers + k, c));
    return re * re + im * im;
  }
  KOKKOS_INLINE_FUNCTION double log_ratio(index_t k, index_t c) const
  {
    return math::log(factor(k) * square(prediction, k, c) + least_power) -
           math::log(factor(k) * square(target, k, c) + least_power);
  }
};

/// power[k, c] += weight (ln ratio)^2, difference[k, c] += weight (|F_p| - |F_t|)
template <class T> void add_row(Exec const& exec, Row<T> const row, View<double, 2> power, View<double, 2> difference)
{
  index_t const channels = static_cast<index_t>(power.extent(1));
  Kokkos::parallel_for(
      "rossby::train::add_spectra", Range(exec, 0, row.wavenumbers * channels), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i / channels, c = i % channels;
        double const ratio = row.log_ratio(k, c);
        power(k, c) += row.weight * ratio * ratio;
        difference(k, c) +=
            row.weight * (math::sqrt(row.square(row.prediction, k, c)) - math::sqrt(row.square(row.target, k, c)));
      });
}

/// dF of a row, for d/dpower sums and d/ddifference.
template <class T>
void row_gradient(Exec const& exec, Row<T> const row, double dpower, View<double const, 2> ddifference, View<T, 2> df)
{
  index_t const channels = static_cast<index_t>(df.extent(1));
  Kokkos::parallel_for(
      "rossby::train::spectra_backward", Range(exec, 0, row.wavenumbers * channels), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i / channels, c = i % channels;
        double const square = row.square(row.prediction, k, c), size = math::sqrt(square);
        double const of_square =
            dpower * row.weight * 2 * row.log_ratio(k, c) * row.factor(k) / (row.factor(k) * square + least_power);
        double const of_size = size > 0 ? row.weight * ddifference(k, c) / size : 0;
        double const both = 2 * of_square + of_size;
        df(k, c) = static_cast<T>(both * static_cast<double>(row.prediction(k, c)));
        df(row.wavenumbers + k, c) = static_cast<T>(both * static_cast<double>(row.prediction(row.wavenumbers + k, c)));
      });
}

Array sum_of(Exec const& exec, Array const& values, bool squared)
{
  Array const sum = Array::empty(DType::float64, {1});
  View<double const, 1> const v = values.flat<double>();
  ops::fixed_order_sum(
      "rossby::train::sum_spectra", exec, values.size(),
      KOKKOS_LAMBDA(index_t i) { return squared ? v(i) * v(i) : v(i); }, sum);
  return sum;
}
} // namespace

SpectrumLoss::SpectrumLoss(index_t first, std::vector<double> const& weights, Tiling const& tiling,
                           Communicator const& ranks)
    : ranks_(ranks), width_(tiling.width()), first_(first), first_row_(tiling.height() * ranks.rank() / ranks.size()),
      rows_(tiling.height() * (ranks.rank() + 1) / ranks.size() - first_row_),
      map_(Exec(), ranks, tiling, cells_of({first_row_, first_row_ + rows_, 0, width_}, width_))
{
  for (index_t row = first_row_; row < first_row_ + rows_; ++row)
    weights_.push_back(weights[static_cast<std::size_t>(row)] / static_cast<double>(tiling.height()));
  index_t const count = std::max<index_t>(0, width_ / 2 + 1 - first_);
  std::vector<double> table;
  double const turn = 2 * std::acos(-1.0) / static_cast<double>(width_);
  for (bool const sine : {false, true})
    for (index_t k = first_; k < first_ + count; ++k)
      for (index_t j = 0; j < width_; ++j) {
        double const angle = turn * static_cast<double>(k * j % width_);
        table.push_back(sine ? -std::sin(angle) : std::cos(angle));
      }
  tables_ = Array::from_host(Exec(), DType::float64, {2 * count, width_}, table);
}

Var SpectrumLoss::sums(Context& context, Var const& prediction, Array const& target, index_t samples) const
{
  Exec const& exec = context.exec;
  index_t const channels = prediction.value().extent(3), count = wavenumbers();
  Shape const shape = prediction.value().shape();
  Shape const cells{shape[0], shape[1] * shape[2], channels};
  Var const whole = map_cells(context, map_, reshape(context, prediction, cells), {rows_, width_});
  Array const truth = Array::empty(target.dtype(), {shape[0], rows_ * width_, channels});
  map_.apply(exec, target.reshaped(cells), truth);
  DType const type = prediction.value().dtype();
  Array const table = tables_.cast(exec, type);

  // Calls f(sample, row of the list, its spectra).
  auto const each_row = [=, *this](Exec const& on, Array const& p, auto const& f) {
    dispatch_wide(type, [&](auto tag) {
      using T = typename decltype(tag)::type;
      Array const of_p = Array::empty(type, {2 * count, channels}), of_t = Array::empty(type, {2 * count, channels});
      for (index_t s = 0; s < samples; ++s)
        for (index_t r = 0; r < rows_; ++r) {
          auto const row_of = [&](Array const& field) {
            return field.slice((s * rows_ + r) * width_ * channels, {width_, channels}).template view<T, 2>();
          };
          ops::gemm<T>(on, 'N', 'N', 1, table.view<T, 2>(), row_of(p), 0, of_p.view<T, 2>());
          ops::gemm<T>(on, 'N', 'N', 1, table.view<T, 2>(), row_of(truth), 0, of_t.view<T, 2>());
          f(s, r,
            Row<T>{of_p.view<T, 2>(), of_t.view<T, 2>(), count, first_, width_, weights_[static_cast<std::size_t>(r)]});
        }
    });
  };
  Array const power = Array::zeros(exec, DType::float64, {samples, count, channels}),
              difference = Array::zeros(exec, DType::float64, {samples, count, channels});
  auto const of_sample = [=](Array const& a, index_t s) {
    return a.slice(s * count * channels, {count, channels}).view<double, 2>();
  };
  each_row(exec, whole.value(), [&](index_t s, index_t, auto const& row) {
    add_row(exec, row, of_sample(power, s), of_sample(difference, s));
  });
  ranks_.all_reduce_sum(exec, difference);

  bool const recording = context.recording(prediction);
  Var const result(Array::zeros(exec, DType::float64, {2}), recording);
  result.value().rows(0, 1).copy_from(exec, sum_of(exec, power, false));
  // Every rank has the whole difference now; one counts it.
  bool const counts = ranks_.rank() == 0;
  if (counts)
    result.value().rows(1, 1).copy_from(exec, sum_of(exec, difference, true));
  if (recording)
    context.tape->record(
        "spectra", result,
        [=, *this](Exec const& on) {
          auto const seed = result.grad().to_host(on);
          auto d = difference.to_host(on);
          for (auto& v : d)
            v *= counts ? 2 * seed[1] : 0.0;
          ranks_.all_reduce_sum(d.data(), d.size());
          Array const ddifference = Array::from_host(on, DType::float64, difference.shape(), d);
          Array const dwhole = Array::zeros(on, type, whole.value().shape());
          Array const df = Array::empty(type, {2 * count, channels});
          each_row(on, whole.value(), [&](index_t s, index_t r, auto const& row) {
            using T = std::decay_t<decltype(row.prediction(0, 0))>;
            row_gradient<T>(on, row, seed[0], of_sample(ddifference, s), df.view<T, 2>());
            ops::gemm<T>(on, 'T', 'N', 1, table.view<T, 2>(), df.view<T, 2>(), 0,
                         dwhole.slice((s * rows_ + r) * width_ * channels, {width_, channels}).template view<T, 2>());
          });
          whole.accumulate(on, dwhole);
        },
        truth.bytes() + power.bytes());
  return result;
}

} // namespace rossby
