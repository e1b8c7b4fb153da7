#include "ops/gemm.hpp"

#include "core/rows.hpp"

#include <KokkosBlas3_gemm.hpp>

namespace rossby::ops {

namespace {
template <class T> void scale(Exec const& exec, double beta, View<T, 2> c)
{
  auto const factor = static_cast<T>(beta);
  index_t const cols = static_cast<index_t>(c.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::scale", Range(exec, 0, static_cast<index_t>(c.extent(0)) * cols), KOKKOS_LAMBDA(index_t i) {
        T& e = c(i / cols, i % cols);
        e = factor == T(0) ? T(0) : factor * e;
      });
}

template <class T> void copy_column(Exec const& exec, View<T, 2> from, View<T, 2> to)
{
  Kokkos::parallel_for(
      "rossby::ops::copy_column", Range(exec, 0, static_cast<index_t>(from.extent(0))),
      KOKKOS_LAMBDA(index_t i) { to(i, 0) = from(i, 0); });
}

// Newer Kokkos Kernels hand products with a single column to a matrix-vector product as a vector without a stride.
// Columns of wider matrices therefore go through a dense copy.
template <class T> bool is_strided_column(View<T, 2> const& m)
{
  return m.extent(1) == 1 && m.extent(0) > 1 && m.stride_0() != 1;
}

template <class T> Array column_like(View<T, 2> const& m)
{
  return Array::empty(dtype_of<T>(), {static_cast<index_t>(m.extent(0)), 1});
}

/// `m`, or its copy in `storage` (which must live until the product is queued) if it is a strided column.
template <class T> View<T, 2> without_stride(Exec const& exec, View<T, 2> m, Array& storage)
{
  if (!is_strided_column<T>(m))
    return m;
  storage = column_like<T>(m);
  copy_column<T>(exec, m, storage.view<T, 2>());
  return storage.view<T, 2>();
}

template <class T> View<T, 2> row_block(View<T, 2> const& m, index_t first, index_t count)
{
  return Kokkos::subview(m, Kokkos::make_pair(first, first + count), Kokkos::ALL);
}

/// to = from / sigma, rounded to T.
template <class T, class To>
void round_scaled(Exec const& exec, double const* sigma, View<wide_t<T>, 2> from, View<To, 2> to)
{
  using W = wide_t<T>;
  index_t const rows = static_cast<index_t>(from.extent(0)), cols = static_cast<index_t>(from.extent(1));
  for_rows(
      "rossby::ops::round_weights", exec, rows, cols, KOKKOS_LAMBDA(Row const& row) {
        W const factor = static_cast<W>(Scale::of(sigma));
        row.each(
            cols, [&](To& rounded, W value) { rounded = To(T(factor * value)); }, into(&to(row.number(), 0)),
            static_cast<W const*>(&from(row.number(), 0)));
      });
}

template <class T, class V>
void call_gemm(Exec const& exec, char const* ta, char const* tb, T alpha, V const& a, V const& b, T beta, V const& c)
{
  if constexpr (blas_takes_instance)
    KokkosBlas::gemm(exec, ta, tb, alpha, a, b, beta, c);
  else
    KokkosBlas::gemm(ta, tb, alpha, a, b, beta, c);
}
} // namespace

template <class T>
void gemm(Exec const& exec, char ta, char tb, double alpha, View<T, 2> a, View<T, 2> b, double beta, View<T, 2> c)
{
  static_assert(std::is_same<typename View<T, 2>::array_layout, Kokkos::LayoutRight>::value, "BLAS needs one layout");
  auto const rows = [](char t, View<T, 2> const& m) { return t == 'N' ? m.extent(0) : m.extent(1); };
  auto const cols = [](char t, View<T, 2> const& m) { return t == 'N' ? m.extent(1) : m.extent(0); };
  ROSSBY_EXPECT(rows(ta, a) == c.extent(0) && cols(tb, b) == c.extent(1) && cols(ta, a) == rows(tb, b));
  if (c.extent(0) == 0 || c.extent(1) == 0)
    return;
  if (cols(ta, a) == 0) {
    scale<T>(exec, beta, c);
    return;
  }
  Array copy_a, copy_b, copy_c;
  a = without_stride<T>(exec, a, copy_a);
  b = without_stride<T>(exec, b, copy_b);
  View<T, 2> result = c;
  if (is_strided_column<T>(c)) {
    copy_c = column_like<T>(c);
    result = copy_c.view<T, 2>();
    if (beta != 0)
      copy_column<T>(exec, c, result);
  }
  char const trans_a[2] = {ta, 0}, trans_b[2] = {tb, 0};
  call_gemm(exec, trans_a, trans_b, static_cast<T>(alpha), a, b, static_cast<T>(beta), result);
  if (copy_c)
    copy_column<T>(exec, result, c);
}

template <class T> void column_sums(Exec const& exec, View<T, 2> x, double beta, View<wide_t<T>, 1> sum)
{
  // A product with a row of ones: BLAS streams it at memory speed, and the order of summation is fixed.
  using W = wide_t<T>;
  index_t const rows = static_cast<index_t>(x.extent(0)), columns = static_cast<index_t>(x.extent(1));
  index_t const block = conversion_rows<T, W>(rows, columns);
  Array const ones = Array::empty(dtype_of<W>(), {1, block});
  ones.fill(exec, 1);
  View<W, 2> const result(sum.data(), 1, sum.extent(0));
  for (index_t row = 0; row == 0 || row < rows; row += block) {
    index_t const count = math::min(block, rows - row);
    Array storage;
    auto const operand = as_operand<T, W>(exec, row_block<T>(x, row, count), storage);
    gemm<W>(exec, 'N', 'N', 1, ones.slice(0, {1, count}).template view<W, 2>(), operand, row == 0 ? beta : 1, result);
  }
}

template <class From, class To> void convert_matrix(Exec const& exec, View<From, 2> from, View<To, 2> to)
{
  index_t const rows = static_cast<index_t>(from.extent(0)), cols = static_cast<index_t>(from.extent(1));
  for_rows(
      "rossby::ops::convert", exec, rows, cols,
      KOKKOS_LAMBDA(Row const& row) { row.copy(cols, &to(row.number(), 0), &from(row.number(), 0)); });
}

template <class T, class O> WeightOperand weight_operand(Exec const& exec, Array const& weights, Scale const& scale)
{
  using W = wide_t<T>;
  if constexpr (std::is_same<T, W>::value) {
    return {weights, scale};
  } else {
    Array const rounded = Array::empty(dtype_of<O>(), {weights.extent(0), weights.size() / weights.extent(0)});
    round_scaled<T, O>(exec, scale.sigma(), weights.reshaped(rounded.shape()).template view<W, 2>(),
                       rounded.view<O, 2>());
    return {rounded, {}};
  }
}

template <class T> void spread_bias(Exec const& exec, View<T, 1> bias, View<T, 2> y)
{
  index_t const rows = static_cast<index_t>(y.extent(0)), cols = static_cast<index_t>(y.extent(1));
  for_rows(
      "rossby::ops::bias", exec, rows, cols,
      KOKKOS_LAMBDA(Row const& row) { row.copy(cols, &y(row.number(), 0), bias.data()); });
}

template <class O, class To>
void scaled_product(Exec const& exec, char tb, View<O, 2> a, WeightOperand const& weights, Array const& bias,
                    View<To, 2> c)
{
  if (c.size() == 0)
    return;
  auto const b = weights.values.reshaped({weights.values.extent(0), weights.values.size() / weights.values.extent(0)})
                     .template view<O, 2>();
  if constexpr (!std::is_same<O, wide_t<O>>::value) {
    ROSSBY_EXPECT(!weights.left.sigma()); // it went into the rounded values
    bf16_product<To>(exec, 'N', tb, a, b, bias ? bias.flat<float>().data() : nullptr, 0, c);
  } else if (host_accessible) { // what is queued here has run when the call returns: sigma can be read
    if (bias)
      spread_bias<O>(exec, bias.flat<O>(), c);
    ProductRegion const region("KokkosBlas::scaled_gemm"); // which reads sigma, too
    gemm<O>(exec, 'N', tb, Scale::of(weights.left.sigma()), a, b, bias ? 1 : 0, c);
  } else {
    gemm<O>(exec, 'N', tb, 1, a, b, 0, c);
    apply_scale<O>(exec, weights.left, bias, c);
  }
}

template <class O>
void product(Exec const& exec, char ta, char tb, View<O, 2> a, View<O, 2> b, int beta, View<wide_t<O>, 2> c)
{
  if constexpr (std::is_same<O, wide_t<O>>::value)
    gemm<O>(exec, ta, tb, 1, a, b, beta, c);
  else if (a.size() == 0 || b.size() == 0)
    gemm<float>(exec, 'N', 'N', 1, View<float, 2>(c.data(), c.extent(0), 0), View<float, 2>(c.data(), 0, c.extent(1)),
                beta, c);
  else
    bf16_product<float>(exec, ta, tb, a, b, nullptr, beta, c);
}

template <class T> void apply_scale(Exec const& exec, Scale const& scale, Array const& bias, View<T, 2> y)
{
  double const* const sigma = scale.sigma();
  T const* const shift = bias ? bias.flat<T>().data() : nullptr;
  if (!sigma && !shift)
    return;
  index_t const rows = static_cast<index_t>(y.extent(0)), cols = static_cast<index_t>(y.extent(1));
  for_rows(
      "rossby::ops::apply_scale", exec, rows, cols, KOKKOS_LAMBDA(Row const& row) {
        T const factor = static_cast<T>(Scale::of(sigma));
        T* const out = &y(row.number(), 0);
        if (shift)
          row.each(
              cols, [&](T& v, T b) { v = factor * v + b; }, onto(out), shift);
        else
          row.each(
              cols, [&](T& v) { v = factor * v; }, onto(out));
      });
}

template void gemm<float>(Exec const&, char, char, double, View<float, 2>, View<float, 2>, double, View<float, 2>);
template void gemm<double>(Exec const&, char, char, double, View<double, 2>, View<double, 2>, double, View<double, 2>);
template void column_sums<float>(Exec const&, View<float, 2>, double, View<float, 1>);
template void column_sums<double>(Exec const&, View<double, 2>, double, View<double, 1>);
template void column_sums<bfloat16>(Exec const&, View<bfloat16, 2>, double, View<float, 1>);
template void spread_bias<float>(Exec const&, View<float, 1>, View<float, 2>);
template void spread_bias<double>(Exec const&, View<double, 1>, View<double, 2>);
template void scaled_product<float, float>(Exec const&, char, View<float, 2>, WeightOperand const&, Array const&,
                                           View<float, 2>);
template void scaled_product<double, double>(Exec const&, char, View<double, 2>, WeightOperand const&, Array const&,
                                             View<double, 2>);
template void scaled_product<bfloat16, float>(Exec const&, char, View<bfloat16, 2>, WeightOperand const&, Array const&,
                                              View<float, 2>);
template void scaled_product<bfloat16, bfloat16>(Exec const&, char, View<bfloat16, 2>, WeightOperand const&,
                                                 Array const&, View<bfloat16, 2>);
template void product<float>(Exec const&, char, char, View<float, 2>, View<float, 2>, int, View<float, 2>);
template void product<double>(Exec const&, char, char, View<double, 2>, View<double, 2>, int, View<double, 2>);
template void product<bfloat16>(Exec const&, char, char, View<bfloat16, 2>, View<bfloat16, 2>, int, View<float, 2>);
template void apply_scale<float>(Exec const&, Scale const&, Array const&, View<float, 2>);
template void apply_scale<double>(Exec const&, Scale const&, Array const&, View<double, 2>);
template void convert_matrix<bfloat16, float>(Exec const&, View<bfloat16, 2>, View<float, 2>);
template void convert_matrix<float, bfloat16>(Exec const&, View<float, 2>, View<bfloat16, 2>);
template WeightOperand weight_operand<float, float>(Exec const&, Array const&, Scale const&);
template WeightOperand weight_operand<double, double>(Exec const&, Array const&, Scale const&);
template WeightOperand weight_operand<bfloat16, float>(Exec const&, Array const&, Scale const&);
template WeightOperand weight_operand<bfloat16, bfloat16>(Exec const&, Array const&, Scale const&);

} // namespace rossby::ops
