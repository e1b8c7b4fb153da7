#pragma once
/// \file
/// bfloat16: the upper half of a float32, with its exponents and 8 significant bits.

#include <rossby/core/kokkos_compat.hpp>

#include <cstdint>

namespace rossby {

/// A number as it is stored. Arithmetic is done in float32: loads convert by themselves, stores say so.
struct bfloat16 {
  std::uint16_t bits;

  bfloat16() = default;
  /// Rounded to nearest, ties to even; NaN stays NaN, and what is beyond the largest number becomes infinite.
  KOKKOS_INLINE_FUNCTION explicit bfloat16(float value)
  {
    auto const wide = math::bit_cast<std::uint32_t>(value);
    std::uint32_t const rounded = (wide + 0x7fffu + ((wide >> 16) & 1u)) >> 16;
    std::uint32_t const quiet_nan = (wide >> 16) | 0x40u;
    bits = static_cast<std::uint16_t>((wide & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
  }
  KOKKOS_INLINE_FUNCTION explicit bfloat16(double value) : bfloat16(static_cast<float>(value)) {}
  KOKKOS_INLINE_FUNCTION explicit bfloat16(int value) : bfloat16(static_cast<float>(value)) {}

  KOKKOS_INLINE_FUNCTION operator float() const
  {
    return math::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

} // namespace rossby
