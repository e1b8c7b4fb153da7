#include <rossby/ops/linear.hpp>

#include <rossby/ops/gemm.hpp>

namespace rossby::ops {

void linear_forward(Exec const& exec, Array const& x, Array const& w, double scale, Array const& bias, Array const& y)
{
  index_t const out = w.extent(0), in = w.size() / out, n = x.size() / in;
  ROSSBY_EXPECT(y.size() == n * out);
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const result = y.reshaped({n, out}).view<T, 2>();
    if (bias)
      spread_bias<T>(exec, bias.flat<T>(), result);
    gemm<T>(exec, 'N', 'T', scale, x.reshaped({n, in}).view<T, 2>(), w.reshaped({out, in}).view<T, 2>(), bias ? 1 : 0,
            result);
  });
}

void linear_backward(Exec const& exec, Array const& x, Array const& w, double scale, Array const& dy, Array const& dx,
                     Array const& dw, Array const& dbias)
{
  index_t const out = w.extent(0), in = w.size() / out, n = dy.size() / out;
  dispatch(dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const g = dy.reshaped({n, out}).view<T, 2>();
    if (dx)
      gemm<T>(exec, 'N', 'N', scale, g, w.reshaped({out, in}).view<T, 2>(), 0, dx.reshaped({n, in}).view<T, 2>());
    if (dw)
      gemm<T>(exec, 'T', 'N', 1, g, x.reshaped({n, in}).view<T, 2>(), 1, dw.reshaped({out, in}).view<T, 2>());
    if (dbias)
      column_sums<T>(exec, g, 1, dbias.flat<T>());
  });
}

void bias_backward(Exec const& exec, Array const& dy, Array const& dbias)
{
  dispatch(dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    column_sums<T>(exec, dy.reshaped({dy.size() / dbias.size(), dbias.size()}).view<T, 2>(), 1, dbias.flat<T>());
  });
}

} // namespace rossby::ops
