#pragma once
/// \file
/// Products that multiply bfloat16 as bfloat16. Three bodies, of which a build has one: oneDNN (hosts), cuBLAS
/// (NVIDIA), none.

#include <rossby/core/array.hpp>

namespace rossby::ops {

/// Tells tools that a product, which is no kernel of Kokkos', is at work on device memory. Tools know products by the
/// regions that Kokkos Kernels puts around its own, "KokkosBlas::...": so are these called.
struct ProductRegion {
  explicit ProductRegion(char const* label) { Kokkos::Profiling::pushRegion(label); }
  ~ProductRegion() { Kokkos::Profiling::popRegion(); }
  ProductRegion(ProductRegion const&) = delete;
  ProductRegion& operator=(ProductRegion const&) = delete;
};

/// Whether this machine multiplies bfloat16 faster than float32; if not, products of bfloat16 are made of float32
/// copies. The same numbers but for the order of sums: operands are bfloat16, sums and results float32, in both.
bool multiplies_bfloat16();

/// C = op(A) op(B) + bias in every row + beta C, of bfloat16 operands, summed in float32 and rounded once where C is
/// narrower. Row-major, as gemm() has them; nothing is empty. `bias` [columns of C] may be null. beta is 0 or 1, and 0
/// where C is bfloat16.
/// \throws std::logic_error unless multiplies_bfloat16().
template <class To>
void bf16_product(Exec const&, char ta, char tb, View<bfloat16, 2> a, View<bfloat16, 2> b, float const* bias, int beta,
                  View<To, 2> c);

} // namespace rossby::ops
