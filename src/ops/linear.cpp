#include "ops/linear.hpp"

#include "ops/gemm.hpp"

namespace rossby::ops {

namespace {
template <class T> View<T, 2> rows_of(Array const& matrix, index_t first, index_t count)
{
  return matrix.rows(first, count).template view<T, 2>();
}

/// Calls f(first row, rows) for rows that fit in a buffer when they need converting, and once for all when not.
template <class T, class O, class F> void for_each_block(index_t rows, index_t columns, F const& f)
{
  index_t const block = conversion_rows<T, O>(rows, columns);
  for (index_t row = 0; row < rows; row += block)
    f(row, math::min(block, rows - row));
}
} // namespace

void linear_forward(Exec const& exec, Array const& x, Array const& w, Scale const& scale, Array const& bias, Out y)
{
  index_t const out = w.extent(0), in = w.size() / out, n = x.size() / in;
  ROSSBY_EXPECT(y.size() == n * out);
  Array const input = x.reshaped({n, in}), output = y.reshaped({n, out});
  dispatch_operands(x.dtype(), [&](auto tag, auto operand) {
    using T = typename decltype(tag)::type;
    using O = typename decltype(operand)::type;
    auto const weights = weight_operand<T, O>(exec, w.reshaped({out, in}), scale);
    for_each_block<T, O>(n, math::max(in, out), [&](index_t row, index_t rows) {
      Array storage;
      product_into<O, T>(exec, 'T', as_operand<T, O>(exec, rows_of<T>(input, row, rows), storage), weights, bias,
                         rows_of<T>(output, row, rows));
    });
  });
}

void linear_backward(Exec const& exec, Array const& x, Array const& w, Scale const& scale, Array const& dy, Out dx,
                     Out dw, Out dbias)
{
  index_t const out = w.extent(0), in = w.size() / out, n = dy.size() / out;
  Array const input = dw ? x.reshaped({n, in}) : Array(), up = dy.reshaped({n, out}),
              down = dx ? dx.reshaped({n, in}) : Array();
  dispatch_operands(dy.dtype(), [&](auto tag, auto operand) {
    using T = typename decltype(tag)::type;
    using O = typename decltype(operand)::type;
    using W = wide_t<T>;
    auto const weights = dx ? weight_operand<T, O>(exec, w.reshaped({out, in}), scale) : WeightOperand();
    for_each_block<T, O>(n, math::max(in, out), [&](index_t row, index_t rows) {
      Array gradient_storage, input_storage;
      auto const gradient = as_operand<T, O>(exec, rows_of<T>(up, row, rows), gradient_storage);
      if (dx)
        product_into<O, T>(exec, 'N', gradient, weights, {}, rows_of<T>(down, row, rows));
      if (dw)
        product<O>(exec, 'T', 'N', gradient, as_operand<T, O>(exec, rows_of<T>(input, row, rows), input_storage), 1,
                   dw.reshaped({out, in}).view<W, 2>());
    });
    if (dbias)
      column_sums<T>(exec, up.view<T, 2>(), 1, dbias.flat<W>());
  });
}

void bias_backward(Exec const& exec, Array const& dy, Out dbias)
{
  dispatch(dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    column_sums<T>(exec, dy.reshaped({dy.size() / dbias.size(), dbias.size()}).view<T, 2>(), 1,
                   dbias.flat<wide_t<T>>());
  });
}

} // namespace rossby::ops
