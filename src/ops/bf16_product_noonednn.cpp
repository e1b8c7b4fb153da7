#include "ops/bf16_product.hpp"

namespace rossby::ops {

bool multiplies_bfloat16() { return false; }

template <class To>
void bf16_product(Exec const&, char, char, View<bfloat16, 2>, View<bfloat16, 2>, float const*, int, View<To, 2>)
{
  ROSSBY_EXPECT(multiplies_bfloat16());
}

template void bf16_product<float>(Exec const&, char, char, View<bfloat16, 2>, View<bfloat16, 2>, float const*, int,
                                  View<float, 2>);
template void bf16_product<bfloat16>(Exec const&, char, char, View<bfloat16, 2>, View<bfloat16, 2>, float const*, int,
                                     View<bfloat16, 2>);

} // namespace rossby::ops
