#pragma once
/// \file
/// exp and erf that vectorise in float32: straight-line arithmetic instead of calls into the maths library. In float64
/// they are the library's.

#include <rossby/core/kokkos_compat.hpp>

#include <cstdint>

namespace rossby::ops {

KOKKOS_INLINE_FUNCTION double fast_exp(double x) { return math::exp(x); }
KOKKOS_INLINE_FUNCTION double fast_erf(double x) { return math::erf(x); }

/// Relative error below 2e-7 on [-87, 88]; arguments beyond are clamped (never a denormal, never an infinity).
KOKKOS_INLINE_FUNCTION float fast_exp(float x)
{
  x = math::min(math::max(x, -87.0f), 88.0f);
  // x = n log 2 + r log 2 with |r| <= 1/2; log 2 in two parts, so that r keeps its digits.
  float const n = math::floor(x * 1.44269504f + 0.5f);
  float const r = ((x - n * 0.693359375f) + n * 2.12194440e-4f) * 1.44269504f;
  // 2^r: weighted least squares on Chebyshev nodes, relative error 2e-9 before rounding.
  float p = 1.534580892e-4f;
  p = p * r + 1.339993119e-3f;
  p = p * r + 9.618488969e-3f;
  p = p * r + 5.550328777e-2f;
  p = p * r + 2.402264689e-1f;
  p = p * r + 6.931472057e-1f;
  p = p * r + 1.0f;
  return p * math::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

/// Absolute and relative error below 4e-7: x P(x^2) / Q(x^2), fitted on [-3.92, 3.92], where erf rounds to 1.
KOKKOS_INLINE_FUNCTION float fast_erf(float x)
{
  // Beyond the fit it is 1 exactly: x (1 + erf(x)) of a large negative x must vanish.
  if (x >= 3.92f)
    return 1.0f;
  if (x <= -3.92f)
    return -1.0f;
  float const s = x * x;
  float p = 2.034731954e-6f;
  p = p * s + 2.874803458e-4f;
  p = p * s + 3.868360390e-3f;
  p = p * s + 5.306058255e-2f;
  p = p * s + 1.927648014e-1f;
  p = p * s + 1.128379022f;
  float q = 3.807066002e-5f;
  q = q * s + 1.188123562e-3f;
  q = q * s + 1.517236143e-2f;
  q = q * s + 1.150849295e-1f;
  q = q * s + 5.041650235e-1f;
  q = q * s + 1.0f;
  return x * p / q;
}

} // namespace rossby::ops
