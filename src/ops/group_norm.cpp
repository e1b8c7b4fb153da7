// Group norm in pieces: what is local to a tile is here; the merging over tiles happens in between, in the layer that
// has a communicator.

#include "ops/norm.hpp"

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
                    View<wide_t<T>, 1> gain, View<T, 3> dy, View<wide_t<T>, 2> m1, View<wide_t<T>, 2> m2, View<T, 3> dx)
{
  for_each_group<T>(
      "rossby::ops::group_norm_adjoint", exec, x, static_cast<index_t>(mean.extent(1)),
      KOKKOS_LAMBDA(Row const& row, index_t b, index_t i, index_t g, index_t c, index_t width) {
        using W = wide_t<T>;
        W const m = mean(b, g), r = rstd(b, g), first = m1(b, g), second = m2(b, g);
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

std::vector<Moments> group_moments(Exec const& exec, Array const& x, index_t groups)
{
  index_t const batch = x.extent(0), n = x.extent(1), channels = x.extent(2), width = channels / groups;
  ROSSBY_EXPECT(channels % groups == 0);
  std::vector<Moments> result(static_cast<std::size_t>(batch * groups));
  if (n == 0)
    return result;
  Array const sums = Array::empty(wide_dtype(x.dtype()), {batch, channels});
  Array const squares = Array::empty(wide_dtype(x.dtype()), {batch, channels});
  Array const means = Array::empty(wide_dtype(x.dtype()), {channels});
  Array const deviations = Array::empty(wide_dtype(x.dtype()), {n, channels});
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    for (index_t b = 0; b < batch; ++b) {
      auto const sample = x.rows(b, 1).reshaped({n, channels}).view<T, 2>();
      column_sums<T>(exec, sample, 0, sums.rows(b, 1).flat<W>());
      auto means_host = sums.rows(b, 1).to_host(exec);
      for (auto& m : means_host)
        m /= static_cast<double>(n);
      means.copy_from_host(exec, means_host);
      squared_deviations<T>(exec, sample, means.flat<W>(), deviations.view<W, 2>());
      column_sums<W>(exec, deviations.view<W, 2>(), 0, squares.rows(b, 1).flat<W>());
      auto const squares_host = squares.rows(b, 1).to_host(exec);
      for (index_t c = 0; c < channels; ++c) {
        auto const i = static_cast<std::size_t>(c);
        result[static_cast<std::size_t>(b * groups + c / width)].merge(
            {static_cast<double>(n), means_host[i], squares_host[i]});
      }
    }
  });
  return result;
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
                               Array const& gain, Array const& dy, Array const& m1, Array const& m2, Out dx)
{
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    input_gradient<T>(exec, x.view<T, 3>(), mean.view<W, 2>(), rstd.view<W, 2>(), gain.flat<W>(), dy.view<T, 3>(),
                      m1.view<W, 2>(), m2.view<W, 2>(), dx.view<T, 3>());
  });
}

} // namespace rossby::ops
