#pragma once
/// \file
/// Matrix products. The one door to Kokkos Kernels' gemm: all operands row-major, which is what makes it call the
/// vendor's BLAS (other layouts fall back to code 25 times slower, silently).

#include <rossby/core/array.hpp>

namespace rossby::ops {

/// C = alpha op(A) op(B) + beta C for T = float, double. `ta`, `tb` are 'N' or 'T'. Views may be row or column blocks
/// of larger row-major matrices, single columns too (which are copied unless they are dense). Empty products scale C by
/// beta.
template <class T>
void gemm(Exec const&, char ta, char tb, double alpha, View<T, 2> a, View<T, 2> b, double beta, View<T, 2> c);

/// sum[c] = beta sum[c] + sum over rows of x[row, c].
template <class T> void column_sums(Exec const&, View<T, 2> x, double beta, View<T, 1> sum);

/// y[row, c] = bias[c] for every row.
template <class T> void spread_bias(Exec const&, View<T, 1> bias, View<T, 2> y);

} // namespace rossby::ops
