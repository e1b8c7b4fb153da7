// Group norm in pieces: what is local to a tile is here; the merging over tiles happens in between, in the layer that
// has a communicator.

#include "ops/norm.hpp"

#include "core/moments.hpp"
#include "core/rows.hpp"
#include "ops/gemm.hpp"

namespace rossby::ops {

namespace {

template <class T>
void squared_deviations(Exec const& exec, View<T, 2> x, View<wide_t<T>, 1> mean, View<wide_t<T>, 2> result)
{
  index_t const rows = static_cast<index_t>(x.extent(0)), channels = static_cast<index_t>(x.extent(1));
  for_rows(
      "rossby::ops::squared_deviations", exec, rows, channels, KOKKOS_LAMBDA(Row const& row) {
        using W = wide_t<T>;
        row.each(
            channels, [](W& out, W in, W m) { out = (in - m) * (in - m); }, into(&result(row.number(), 0)),
            &x(row.number(), 0), mean.data());
      });
}

/// The mean of every channel, rounded as squared_deviations takes it.
template <class W> void means_of_sums(Exec const& exec, index_t cells, View<W, 1> sums, View<W, 1> means)
{
  Kokkos::parallel_for(
      "rossby::ops::channel_means", Range(exec, 0, static_cast<index_t>(sums.extent(0))), KOKKOS_LAMBDA(index_t c) {
        means(c) = static_cast<W>(static_cast<double>(sums(c)) / static_cast<double>(cells));
      });
}

/// Merges the channels of every sample and group.
template <class W>
void moments_of_channels(Exec const& exec, index_t cells, View<W, 2> sums, View<W, 2> squares, View<double, 3> moments)
{
  index_t const groups = static_cast<index_t>(moments.extent(1)), width = static_cast<index_t>(sums.extent(1)) / groups;
  Kokkos::parallel_for(
      "rossby::ops::group_moments", Range(exec, 0, static_cast<index_t>(moments.extent(0)) * groups),
      KOKKOS_LAMBDA(index_t i) {
        index_t const b = i / groups, g = i % groups;
        auto const n = static_cast<double>(cells);
        Moments merged;
        for (index_t c = g * width; c < (g + 1) * width; ++c)
          merged.merge({n, static_cast<double>(sums(b, c)) / n, static_cast<double>(squares(b, c))});
        moments(b, g, 0) = merged.count;
        moments(b, g, 1) = merged.mean;
        moments(b, g, 2) = merged.m2;
      });
}

template <class W>
void statistics_of(Exec const& exec, View<double, 4> all, double eps, View<W, 2> mean, View<W, 2> rstd,
                   View<double, 2> count)
{
  index_t const tiles = static_cast<index_t>(all.extent(0)), groups = static_cast<index_t>(mean.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::group_statistics", Range(exec, 0, static_cast<index_t>(mean.extent(0)) * groups),
      KOKKOS_LAMBDA(index_t i) {
        index_t const b = i / groups, g = i % groups;
        Moments merged;
        for (index_t r = 0; r < tiles; ++r)
          merged.merge({all(r, b, g, 0), all(r, b, g, 1), all(r, b, g, 2)});
        mean(b, g) = static_cast<W>(merged.mean);
        rstd(b, g) = static_cast<W>(1 / math::sqrt(merged.m2 / merged.count + eps));
        count(b, g) = merged.count;
      });
}

/// This tile's terms of the means of gain dy and gain dy xhat.
template <class W>
void terms_of_means(Exec const& exec, View<W, 1> gain, View<W, 2> sum_dy, View<W, 2> sum_dy_xhat, View<double, 2> count,
                    View<double, 3> means)
{
  index_t const groups = static_cast<index_t>(count.extent(1)), width = static_cast<index_t>(sum_dy.extent(1)) / groups;
  Kokkos::parallel_for(
      "rossby::ops::group_norm_means", Range(exec, 0, static_cast<index_t>(count.extent(0)) * groups),
      KOKKOS_LAMBDA(index_t i) {
        index_t const b = i / groups, g = i % groups;
        double first = 0, second = 0;
        for (index_t c = g * width; c < (g + 1) * width; ++c) {
          first += static_cast<double>(gain(c)) * static_cast<double>(sum_dy(b, c)) / count(b, g);
          second += static_cast<double>(gain(c)) * static_cast<double>(sum_dy_xhat(b, c)) / count(b, g);
        }
        means(0, b, g) = first;
        means(1, b, g) = second;
      });
}

/// f(row, sample, cell, group, the group's first channel, its channels) for every cell and group of x.
template <class T, class F>
void for_each_group(char const* label, Exec const& exec, View<T, 3> x, index_t groups, F const& f)
{
  index_t const n = static_cast<index_t>(x.extent(1)), channels = static_cast<index_t>(x.extent(2));
  index_t const width = channels / groups;
  for_rows(
      label, exec, static_cast<index_t>(x.extent(0)) * n, width, KOKKOS_LAMBDA(Row const& row) {
        index_t const b = row.number() / n, i = row.number() % n;
        for (index_t g = 0; g < groups; ++g)
          f(row, b, i, g, g * width, width);
      });
}

template <class T>
void apply(Exec const& exec, View<T, 3> x, View<wide_t<T>, 2> mean, View<wide_t<T>, 2> rstd, View<wide_t<T>, 1> gain,
           View<wide_t<T>, 1> bias, View<T, 3> y)
{
  for_each_group<T>(
      "rossby::ops::group_norm", exec, x, static_cast<index_t>(mean.extent(1)),
      KOKKOS_LAMBDA(Row const& row, index_t b, index_t i, index_t g, index_t c, index_t width) {
        using W = wide_t<T>;
        W const m = mean(b, g), r = rstd(b, g);
        row.each(
            width, [&](T& out, W v, W f, W s) { out = T((v - m) * r * f + s); }, into(&y(b, i, c)), &x(b, i, c),
            &gain(c), &bias(c));
      });
}

template <class T>
void product_with_xhat(Exec const& exec, View<T, 3> x, View<wide_t<T>, 2> mean, View<wide_t<T>, 2> rstd, View<T, 3> dy,
                       View<wide_t<T>, 3> result)
{
  for_each_group<T>(
      "rossby::ops::group_norm_product", exec, x, static_cast<index_t>(mean.extent(1)),
      KOKKOS_LAMBDA(Row const& row, index_t b, index_t i, index_t g, index_t c, index_t width) {
        using W = wide_t<T>;
        W const m = mean(b, g), r = rstd(b, g);
        row.each(
            width, [&](W& out, W v, W up) { out = up * (v - m) * r; }, into(&result(b, i, c)), &x(b, i, c),
            &dy(b, i, c));
      });
}

template <class T>
void input_gradient(Exec const& exec, View<T, 3> x, View<wide_t<T>, 2> mean, View<wide_t<T>, 2> rstd,
                    View<wide_t<T>, 1> gain, View<T, 3> dy, View<double, 3> means, View<T, 3> dx)
{
  for_each_group<T>(
      "rossby::ops::group_norm_adjoint", exec, x, static_cast<index_t>(mean.extent(1)),
      KOKKOS_LAMBDA(Row const& row, index_t b, index_t i, index_t g, index_t c, index_t width) {
        using W = wide_t<T>;
        W const m = mean(b, g), r = rstd(b, g);
        W const first = static_cast<W>(means(0, b, g)), second = static_cast<W>(means(1, b, g));
        row.each(
            width,
            [&](T& out, W v, W up, W f) {
              W const xhat = (v - m) * r;
              out = T((f * up - first - xhat * second) * r);
            },
            into(&dx(b, i, c)), &x(b, i, c), &dy(b, i, c), &gain(c));
      });
}

} // namespace

Array group_moments(Exec const& exec, Array const& x, index_t groups)
{
  index_t const batch = x.extent(0), n = x.extent(1), channels = x.extent(2);
  ROSSBY_EXPECT(channels % groups == 0);
  Array const moments = Array::empty(DType::float64, {batch, groups, 3});
  if (n == 0) {
    moments.fill(exec, 0);
    return moments;
  }
  DType const wide = wide_dtype(x.dtype());
  Array const sums = Array::empty(wide, {batch, channels}), squares = Array::empty(wide, {batch, channels});
  Array const means = Array::empty(wide, {channels}), deviations = Array::empty(wide, {n, channels});
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    for (index_t b = 0; b < batch; ++b) {
      auto const sample = x.rows(b, 1).reshaped({n, channels}).view<T, 2>();
      column_sums<T>(exec, sample, 0, sums.rows(b, 1).flat<W>());
      means_of_sums<W>(exec, n, sums.rows(b, 1).flat<W>(), means.flat<W>());
      squared_deviations<T>(exec, sample, means.flat<W>(), deviations.view<W, 2>());
      column_sums<W>(exec, deviations.view<W, 2>(), 0, squares.rows(b, 1).flat<W>());
    }
    moments_of_channels<W>(exec, n, sums.view<W, 2>(), squares.view<W, 2>(), moments.view<double, 3>());
  });
  return moments;
}

void group_statistics(Exec const& exec, Array const& all, double eps, Out mean, Out rstd, Out count)
{
  dispatch_wide(mean.dtype(), [&](auto tag) {
    using W = typename decltype(tag)::type;
    statistics_of<W>(exec, all.view<double, 4>(), eps, mean.view<W, 2>(), rstd.view<W, 2>(), count.view<double, 2>());
  });
}

void group_norm_means(Exec const& exec, Array const& gain, Array const& sum_dy, Array const& sum_dy_xhat,
                      Array const& count, Out means)
{
  dispatch_wide(sum_dy.dtype(), [&](auto tag) {
    using W = typename decltype(tag)::type;
    terms_of_means<W>(exec, gain.flat<W>(), sum_dy.view<W, 2>(), sum_dy_xhat.view<W, 2>(), count.view<double, 2>(),
                      means.view<double, 3>());
  });
}

void group_norm_apply(Exec const& exec, Array const& x, Array const& mean, Array const& rstd, Array const& gain,
                      Array const& bias, Out y)
{
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    apply<T>(exec, x.view<T, 3>(), mean.view<W, 2>(), rstd.view<W, 2>(), gain.flat<W>(), bias.flat<W>(),
             y.view<T, 3>());
  });
}

void group_norm_sums(Exec const& exec, Array const& x, Array const& mean, Array const& rstd, Array const& dy,
                     Out sum_dy, Out sum_dy_xhat)
{
  index_t const n = x.extent(1), channels = x.extent(2);
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    Array const product = Array::empty(wide_dtype(x.dtype()), x.shape());
    product_with_xhat<T>(exec, x.view<T, 3>(), mean.view<W, 2>(), rstd.view<W, 2>(), dy.view<T, 3>(),
                         product.view<W, 3>());
    for (index_t b = 0; b < x.extent(0); ++b) {
      column_sums<T>(exec, dy.rows(b, 1).reshaped({n, channels}).view<T, 2>(), 0, sum_dy.rows(b, 1).flat<W>());
      column_sums<W>(exec, product.rows(b, 1).reshaped({n, channels}).view<W, 2>(), 0,
                     sum_dy_xhat.rows(b, 1).flat<W>());
    }
  });
}

void group_norm_input_gradient(Exec const& exec, Array const& x, Array const& mean, Array const& rstd,
                               Array const& gain, Array const& dy, Array const& means, Out dx)
{
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    input_gradient<T>(exec, x.view<T, 3>(), mean.view<W, 2>(), rstd.view<W, 2>(), gain.flat<W>(), dy.view<T, 3>(),
                      means.view<double, 3>(), dx.view<T, 3>());
  });
}

} // namespace rossby::ops
