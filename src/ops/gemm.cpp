#include <rossby/ops/gemm.hpp>

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

template <class T> void copy_column(Exec const& exec, View<T, 2> x, View<T, 1> dense)
{
  Kokkos::parallel_for(
      "rossby::ops::copy_column", Range(exec, 0, static_cast<index_t>(x.extent(0))),
      KOKKOS_LAMBDA(index_t i) { dense(i) = x(i, 0); });
}

// Kokkos Kernels takes an execution space instance since 3.7; older ones have only host spaces, where order is implied.
template <class T, class V>
auto call_gemm(Exec const& exec, char const* ta, char const* tb, T alpha, V const& a, V const& b, T beta, V const& c,
               int) -> decltype(KokkosBlas::gemm(exec, ta, tb, alpha, a, b, beta, c))
{
  KokkosBlas::gemm(exec, ta, tb, alpha, a, b, beta, c);
}
template <class T, class V>
void call_gemm(Exec const&, char const* ta, char const* tb, T alpha, V const& a, V const& b, T beta, V const& c, long)
{
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
  char const trans_a[2] = {ta, 0}, trans_b[2] = {tb, 0};
  call_gemm(exec, trans_a, trans_b, static_cast<T>(alpha), a, b, static_cast<T>(beta), c, 0);
}

template <class T> void column_sums(Exec const& exec, View<T, 2> x, double beta, View<T, 1> sum)
{
  Array dense; // lives until the product is queued
  if (x.extent(1) == 1 && x.extent(0) > 1) {
    // Newer Kokkos Kernels take a product with one column for a matrix times a vector and lose the column's stride.
    dense = Array::empty(dtype_of<T>(), {static_cast<index_t>(x.extent(0)), 1});
    copy_column<T>(exec, x, dense.flat<T>());
    x = dense.view<T, 2>();
  }
  // A product with a row of ones: BLAS streams it at memory speed, and the order of summation is fixed.
  Array const ones = Array::empty(dtype_of<T>(), {1, static_cast<index_t>(x.extent(0))});
  ones.fill(exec, 1);
  gemm<T>(exec, 'N', 'N', 1, ones.view<T, 2>(), x, beta, View<T, 2>(sum.data(), 1, sum.extent(0)));
}

template <class T> void spread_bias(Exec const& exec, View<T, 1> bias, View<T, 2> y)
{
  index_t const cols = static_cast<index_t>(y.extent(1));
  Kokkos::parallel_for(
      "rossby::ops::bias", Range(exec, 0, static_cast<index_t>(y.extent(0))), KOKKOS_LAMBDA(index_t i) {
        T* row = &y(i, 0);
        T const* b = bias.data();
        for (index_t c = 0; c < cols; ++c)
          row[c] = b[c];
      });
}

template void gemm<float>(Exec const&, char, char, double, View<float, 2>, View<float, 2>, double, View<float, 2>);
template void gemm<double>(Exec const&, char, char, double, View<double, 2>, View<double, 2>, double, View<double, 2>);
template void column_sums<float>(Exec const&, View<float, 2>, double, View<float, 1>);
template void column_sums<double>(Exec const&, View<double, 2>, double, View<double, 1>);
template void spread_bias<float>(Exec const&, View<float, 1>, View<float, 2>);
template void spread_bias<double>(Exec const&, View<double, 1>, View<double, 2>);

} // namespace rossby::ops
