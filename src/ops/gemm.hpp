#pragma once
/// \file
/// Matrix products. The one door to Kokkos Kernels' gemm: all operands row-major, which is what makes it call the
/// vendor's BLAS (other layouts fall back to code 25 times slower, silently); and to products of bfloat16
/// (bf16_product.hpp).

#include "ops/bf16_product.hpp"

#include <rossby/ops/scale.hpp>

#include <type_traits>

namespace rossby::ops {

/// C = alpha op(A) op(B) + beta C for T = float, double. `ta`, `tb` are 'N' or 'T'. Views may be row or column blocks
/// of larger row-major matrices, single columns too (which are copied unless they are dense). Empty products scale C by
/// beta.
template <class T>
void gemm(Exec const&, char ta, char tb, double alpha, View<T, 2> a, View<T, 2> b, double beta, View<T, 2> c);

/// C = op(A) op(B) + beta C with operands of O; C is of the wide type of O. beta is 0 or 1.
template <class O>
void product(Exec const&, char ta, char tb, View<O, 2> a, View<O, 2> b, int beta, View<wide_t<O>, 2> c);

/// sum[c] = beta sum[c] + sum over rows of x[row, c].
template <class T> void column_sums(Exec const&, View<T, 2> x, double beta, View<wide_t<T>, 1> sum);

/// y[row, c] = bias[c] for every row.
template <class T> void spread_bias(Exec const&, View<T, 1> bias, View<T, 2> y);

/// What products of activations of T take their operands in: bfloat16 where T is bfloat16 and the machine multiplies
/// it, otherwise the wide type of T. Calls f(TypeTag<T>, TypeTag<O>) for activations of `dtype`.
template <class F> void dispatch_operands(DType dtype, F const& f)
{
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (std::is_same<T, wide_t<T>>::value || !multiplies_bfloat16())
      f(tag, TypeTag<wide_t<T>>{});
    else
      f(tag, tag);
  });
}

/// Weights as products take them, in a type of operands, and what is left to multiply the results by. Weights that are
/// narrower in products than they are kept are scaled before they are rounded, as under PyTorch's autocast.
struct WeightOperand {
  Array values;
  Scale left;
};
/// For activations of T and operands of O. `weights` [rows, columns] or more dimensions, of the wide type.
template <class T, class O> WeightOperand weight_operand(Exec const&, Array const& weights, Scale const&);

/// C = left A op(weights) + bias in every row; an empty `bias` is none. C is of the wide type of O, or of O. Hosts take
/// scale and bias into the product; elsewhere BLAS wants its factors from the host, and a kernel applies them
/// afterwards.
template <class O, class To>
void scaled_product(Exec const&, char tb, View<O, 2> a, WeightOperand const&, Array const& bias, View<To, 2> c);
/// That kernel: y = scale y + bias.
template <class T> void apply_scale(Exec const&, Scale const&, Array const& bias, View<T, 2> y);

/// to[row, c] = from[row, c], rounded where the type is narrower. Row or column blocks of larger matrices.
template <class From, class To> void convert_matrix(Exec const&, View<From, 2> from, View<To, 2> to);

/// Rows that are converted at a time for operands of O: all of them if activations of T need no conversion.
template <class T, class O> index_t conversion_rows(index_t rows, index_t columns)
{
  if (std::is_same<T, O>::value)
    return math::max(index_t(1), rows);
  constexpr index_t bytes = host_accessible ? index_t(1) << 19 : index_t(1) << 27;
  return math::max(index_t(1), math::min(rows, bytes / static_cast<index_t>(sizeof(O)) / (columns + 1)));
}

/// `m` as an operand of O: itself, or a converted copy in `storage`, which must live until the product is queued.
template <class T, class O> View<O, 2> as_operand(Exec const& exec, View<T, 2> m, Array& storage)
{
  if constexpr (std::is_same<T, O>::value) {
    return m;
  } else {
    storage = Array::empty(dtype_of<O>(), {static_cast<index_t>(m.extent(0)), static_cast<index_t>(m.extent(1))});
    convert_matrix<T, O>(exec, m, storage.view<O, 2>());
    return storage.view<O, 2>();
  }
}

/// scaled_product for a `target` of any type: where a product of O can't round into it, through room of the wide type.
template <class O, class To>
void product_into(Exec const& exec, char tb, View<O, 2> a, WeightOperand const& weights, Array const& bias,
                  View<To, 2> target)
{
  if constexpr (std::is_same<To, O>::value || std::is_same<To, wide_t<O>>::value) {
    scaled_product<O, To>(exec, tb, a, weights, bias, target);
  } else {
    Array const room =
        Array::empty(dtype_of<O>(), {static_cast<index_t>(target.extent(0)), static_cast<index_t>(target.extent(1))});
    scaled_product<O, O>(exec, tb, a, weights, bias, room.view<O, 2>());
    convert_matrix<O, To>(exec, room.view<O, 2>(), target);
  }
}

} // namespace rossby::ops
