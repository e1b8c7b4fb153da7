#include <rossby/ops/norm.hpp>

#include <rossby/ops/gemm.hpp>
#include <rossby/ops/lanes.hpp>

namespace rossby::ops {

namespace {

template <class T> void forward(Exec const& exec, View<T, 2> x, View<T, 1> gain, View<T, 1> bias, T eps, View<T, 2> y)
{
  index_t const channels = static_cast<index_t>(x.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::channel_norm", Range(exec, 0, static_cast<index_t>(x.extent(0))), KOKKOS_LAMBDA(index_t i) {
        T const* in = &x(i, 0);
        T* out = &y(i, 0);
        T const *g = gain.data(), *b = bias.data();
        T const mean = lane_sum(in, channels) / T(channels);
        T const rstd = T(1) / math::sqrt(lane_sum_squares(in, channels, mean) / T(channels) + eps);
        for (index_t c = 0; c < channels; ++c)
          out[c] = (in[c] - mean) * rstd * g[c] + b[c];
      });
}

/// Writes dx, and dy xhat into `product` for the gain's gradient.
template <class T>
void backward(Exec const& exec, View<T, 2> x, View<T, 1> gain, T eps, View<T, 2> dy, View<T, 2> dx, View<T, 2> product)
{
  index_t const channels = static_cast<index_t>(x.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::channel_norm_adjoint", Range(exec, 0, static_cast<index_t>(x.extent(0))), KOKKOS_LAMBDA(index_t i) {
        T const *in = &x(i, 0), *up = &dy(i, 0), *g = gain.data();
        T *out = &dx(i, 0), *prod = &product(i, 0);
        T const n = T(channels);
        T const mean = lane_sum(in, channels) / n;
        T const rstd = T(1) / math::sqrt(lane_sum_squares(in, channels, mean) / n + eps);
        for (index_t c = 0; c < channels; ++c) {
          prod[c] = up[c] * g[c] * (in[c] - mean) * rstd;
          out[c] = up[c] * g[c];
        }
        T const m1 = lane_sum(out, channels) / n, m2 = lane_sum(prod, channels) / n;
        for (index_t c = 0; c < channels; ++c) {
          T const xhat = (in[c] - mean) * rstd;
          out[c] = (out[c] - m1 - xhat * m2) * rstd;
          prod[c] = up[c] * xhat;
        }
      });
}

} // namespace

void channel_norm_forward(Exec const& exec, Array const& x, Array const& gain, Array const& bias, double eps,
                          Array const& y)
{
  index_t const channels = gain.size(), n = x.size() / channels;
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    forward<T>(exec, x.reshaped({n, channels}).view<T, 2>(), gain.flat<T>(), bias.flat<T>(), static_cast<T>(eps),
               y.reshaped({n, channels}).view<T, 2>());
  });
}

void channel_norm_backward(Exec const& exec, Array const& x, Array const& gain, double eps, Array const& dy,
                           Array const& dx, Array const& dgain, Array const& dbias)
{
  index_t const channels = gain.size(), n = x.size() / channels;
  Array const product = Array::empty(x.dtype(), {n, channels});
  Array const dinput = dx ? dx : Array::empty(x.dtype(), {n, channels});
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const up = dy.reshaped({n, channels}).view<T, 2>();
    backward<T>(exec, x.reshaped({n, channels}).view<T, 2>(), gain.flat<T>(), static_cast<T>(eps), up,
                dinput.reshaped({n, channels}).view<T, 2>(), product.view<T, 2>());
    if (dgain)
      column_sums<T>(exec, product.view<T, 2>(), 1, dgain.flat<T>());
    if (dbias)
      column_sums<T>(exec, up, 1, dbias.flat<T>());
  });
}

} // namespace rossby::ops
