#include <rossby/ops/norm.hpp>

#include <rossby/ops/gemm.hpp>
#include <rossby/ops/lanes.hpp>

namespace rossby::ops {

namespace {

/// Mean and reciprocal standard deviation of a cell's channels.
template <class T> struct CellMoments {
  wide_t<T> mean, rstd;

  KOKKOS_INLINE_FUNCTION CellMoments(T const* in, index_t channels, wide_t<T> eps)
  {
    using W = wide_t<T>;
    W const average = lane_sum<W>(channels, [&](index_t c) { return W(in[c]); }) / W(channels);
    W const squares = lane_sum<W>(channels, [&](index_t c) { return (in[c] - average) * (in[c] - average); });
    mean = average;
    rstd = W(1) / math::sqrt(squares / W(channels) + eps);
  }
};

template <class T>
void forward(Exec const& exec, View<T, 2> x, View<wide_t<T>, 1> gain, View<wide_t<T>, 1> bias, wide_t<T> eps,
             View<T, 2> y)
{
  index_t const channels = static_cast<index_t>(x.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::channel_norm", Range(exec, 0, static_cast<index_t>(x.extent(0))), KOKKOS_LAMBDA(index_t i) {
        T const* in = &x(i, 0);
        T* out = &y(i, 0);
        wide_t<T> const *g = gain.data(), *b = bias.data();
        CellMoments<T> const moments(in, channels, eps);
        wide_t<T> const mean = moments.mean, rstd = moments.rstd;
        for (index_t c = 0; c < channels; ++c)
          out[c] = T((in[c] - mean) * rstd * g[c] + b[c]);
      });
}

/// Writes dx, and dy xhat into `product` for the gain's gradient.
template <class T>
void backward(Exec const& exec, View<T, 2> x, View<wide_t<T>, 1> gain, wide_t<T> eps, View<T, 2> dy, View<T, 2> dx,
              View<wide_t<T>, 2> product)
{
  index_t const channels = static_cast<index_t>(x.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::channel_norm_adjoint", Range(exec, 0, static_cast<index_t>(x.extent(0))), KOKKOS_LAMBDA(index_t i) {
        using W = wide_t<T>;
        T const *in = &x(i, 0), *up = &dy(i, 0);
        W const* g = gain.data();
        T* out = &dx(i, 0);
        W* prod = &product(i, 0);
        W const n = W(channels);
        CellMoments<T> const moments(in, channels, eps);
        W const mean = moments.mean, rstd = moments.rstd;
        W const m1 = lane_sum<W>(channels, [&](index_t c) { return up[c] * g[c]; }) / n;
        W const m2 = lane_sum<W>(channels, [&](index_t c) { return up[c] * g[c] * (in[c] - mean) * rstd; }) / n;
        for (index_t c = 0; c < channels; ++c) {
          W const xhat = (in[c] - mean) * rstd;
          out[c] = T((up[c] * g[c] - m1 - xhat * m2) * rstd);
          prod[c] = up[c] * xhat;
        }
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
