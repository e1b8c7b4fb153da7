#pragma once
/// \file
/// Matrix products. The one door to Kokkos Kernels' gemm: all operands row-major, which is what makes it call the
/// vendor's BLAS (other layouts fall back to code 25 times slower, silently).

#include <rossby/core/array.hpp>
#include <rossby/ops/scale.hpp>

#include <type_traits>

namespace rossby::ops {

/// C = alpha op(A) op(B) + beta C for T = float, double. `ta`, `tb` are 'N' or 'T'. Views may be row or column blocks
/// of larger row-major matrices, single columns too (which are copied unless they are dense). Empty products scale C by
/// beta.
template <class T>
void gemm(Exec const&, char ta, char tb, double alpha, View<T, 2> a, View<T, 2> b, double beta, View<T, 2> c);

/// sum[c] = beta sum[c] + sum over rows of x[row, c].
template <class T> void column_sums(Exec const&, View<T, 2> x, double beta, View<wide_t<T>, 1> sum);

/// y[row, c] = bias[c] for every row.
template <class T> void spread_bias(Exec const&, View<T, 1> bias, View<T, 2> y);

/// C = scale A op(B) + bias in every row; an empty `bias` is none. Hosts take both into the product; elsewhere BLAS
/// wants its factors from the host, and a kernel applies them afterwards.
template <class T>
void scaled_product(Exec const&, char tb, Scale const&, View<T, 2> a, View<T, 2> b, Array const& bias, View<T, 2> c);
/// That kernel: y = scale y + bias.
template <class T> void apply_scale(Exec const&, Scale const&, Array const& bias, View<T, 2> y);

/// to[row, c] = from[row, c], rounded where the type is narrower. Row or column blocks of larger matrices.
template <class From, class To> void convert_matrix(Exec const&, View<From, 2> from, View<To, 2> to);

/// Weights with the precision that products with T take them in, held in the type that they are multiplied in: the
/// array itself unless T is narrower than the weights are.
template <class T> Array rounded_weights(Exec const&, Array const& weights);

/// Rows that are converted at a time for products of T: all of them if T needs no conversion.
template <class T> index_t conversion_rows(index_t rows, index_t columns)
{
  if (std::is_same<T, wide_t<T>>::value)
    return math::max(index_t(1), rows);
  constexpr index_t bytes = host_accessible ? index_t(1) << 19 : index_t(1) << 27;
  return math::max(index_t(1), math::min(rows, bytes / static_cast<index_t>(sizeof(wide_t<T>)) / (columns + 1)));
}

/// `m` as products take it: itself, or a converted copy in `storage`, which must live until they are queued.
template <class T> View<wide_t<T>, 2> as_operand(Exec const& exec, View<T, 2> m, Array& storage)
{
  if constexpr (std::is_same<T, wide_t<T>>::value) {
    return m;
  } else {
    storage =
        Array::empty(dtype_of<wide_t<T>>(), {static_cast<index_t>(m.extent(0)), static_cast<index_t>(m.extent(1))});
    convert_matrix<T, wide_t<T>>(exec, m, storage.view<wide_t<T>, 2>());
    return storage.view<wide_t<T>, 2>();
  }
}

/// Calls compute(result) with `target`, or with room of the wide type that is then rounded into it. What `target` held
/// before is lost.
template <class To, class W, class F> void into_result(Exec const& exec, View<To, 2> target, F const& compute)
{
  if constexpr (std::is_same<To, W>::value) {
    compute(target);
  } else {
    Array const room =
        Array::empty(dtype_of<W>(), {static_cast<index_t>(target.extent(0)), static_cast<index_t>(target.extent(1))});
    compute(room.view<W, 2>());
    convert_matrix<W, To>(exec, room.view<W, 2>(), target);
  }
}

} // namespace rossby::ops
