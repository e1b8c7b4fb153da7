// Norm over a cell's channels: y = (x - mean) rstd gain + bias. Mean and deviations are summed in two passes over the
// row, which is in cache (or registers) by then: one pass with squares would cancel where the mean is large. Backward
// makes the moments again rather than keep them, and writes dy xhat, whose column sums are the gain's gradient.

#include "ops/norm.hpp"

#include "core/rows.hpp"
#include "ops/gemm.hpp"

namespace rossby::ops {

namespace {

/// Mean and reciprocal standard deviation of a cell's channels.
template <class T> struct CellMoments {
  wide_t<T> mean, rstd;

  KOKKOS_INLINE_FUNCTION CellMoments(Row const& row, T const* in, index_t channels, wide_t<T> eps)
  {
    using W = wide_t<T>;
    W const average = row.sum<W>(
                          channels, [](W x) { return x; }, in) /
                      W(channels);
    W const squares = row.sum<W>(
        channels, [&](W x) { return (x - average) * (x - average); }, in);
    mean = average;
    rstd = W(1) / math::sqrt(squares / W(channels) + eps);
  }
};

template <class T>
void forward(Exec const& exec, View<T, 2> x, View<wide_t<T>, 1> gain, View<wide_t<T>, 1> bias, wide_t<T> eps,
             View<T, 2> y)
{
  index_t const rows = static_cast<index_t>(x.extent(0)), channels = static_cast<index_t>(x.extent(1));
  for_rows(
      "rossby::ops::channel_norm", exec, rows, channels, KOKKOS_LAMBDA(Row const& row) {
        using W = wide_t<T>;
        T const* in = &x(row.number(), 0);
        CellMoments<T> const moments(row, in, channels, eps);
        W const mean = moments.mean, rstd = moments.rstd;
        row.each(
            channels, [&](T& out, W v, W g, W b) { out = T((v - mean) * rstd * g + b); }, into(&y(row.number(), 0)), in,
            gain.data(), bias.data());
      });
}

/// Writes dx, and dy xhat into `product` for the gain's gradient.
template <class T>
void backward(Exec const& exec, View<T, 2> x, View<wide_t<T>, 1> gain, wide_t<T> eps, View<T, 2> dy, View<T, 2> dx,
              View<wide_t<T>, 2> product)
{
  index_t const rows = static_cast<index_t>(x.extent(0)), channels = static_cast<index_t>(x.extent(1));
  for_rows(
      "rossby::ops::channel_norm_adjoint", exec, rows, channels, KOKKOS_LAMBDA(Row const& row) {
        using W = wide_t<T>;
        T const *in = &x(row.number(), 0), *up = &dy(row.number(), 0);
        W const* g = gain.data();
        W const n = W(channels);
        CellMoments<T> const moments(row, in, channels, eps);
        W const mean = moments.mean, rstd = moments.rstd;
        W const m1 = row.sum<W>(
                         channels, [](W u, W f) { return u * f; }, up, g) /
                     n;
        W const m2 = row.sum<W>(
                         channels, [&](W v, W u, W f) { return u * f * (v - mean) * rstd; }, in, up, g) /
                     n;
        row.each(
            channels,
            [&](T& out, W& prod, W v, W u, W f) {
              W const xhat = (v - mean) * rstd;
              out = T((u * f - m1 - xhat * m2) * rstd);
              prod = u * xhat;
            },
            into(&dx(row.number(), 0)), into(&product(row.number(), 0)), in, up, g);
      });
}

} // namespace

void channel_norm_forward(Exec const& exec, Array const& x, Array const& gain, Array const& bias, double eps, Out y)
{
  index_t const channels = gain.size(), n = x.size() / channels;
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    forward<T>(exec, x.reshaped({n, channels}).view<T, 2>(), gain.flat<wide_t<T>>(), bias.flat<wide_t<T>>(),
               static_cast<wide_t<T>>(eps), y.reshaped({n, channels}).view<T, 2>());
  });
}

void channel_norm_backward(Exec const& exec, Array const& x, Array const& gain, double eps, Array const& dy, Out dx,
                           Out dgain, Out dbias)
{
  index_t const channels = gain.size(), n = x.size() / channels;
  Array const product = Array::empty(wide_dtype(x.dtype()), {n, channels});
  Array const dinput = dx ? dx : Array::empty(x.dtype(), {n, channels});
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const up = dy.reshaped({n, channels}).view<T, 2>();
    backward<T>(exec, x.reshaped({n, channels}).view<T, 2>(), gain.flat<wide_t<T>>(), static_cast<wide_t<T>>(eps), up,
                dinput.reshaped({n, channels}).view<T, 2>(), product.view<wide_t<T>, 2>());
    if (dgain)
      column_sums<wide_t<T>>(exec, product.view<wide_t<T>, 2>(), 1, dgain.flat<wide_t<T>>());
    if (dbias)
      column_sums<T>(exec, up, 1, dbias.flat<wide_t<T>>());
  });
}

} // namespace rossby::ops
