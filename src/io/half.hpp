#pragma once
/// \file
/// Private to src/io: IEEE 754's numbers of 16 bits: 1 sign, 5 exponent, 10 fraction.

#include <cmath>
#include <cstdint>
#include <limits>

namespace rossby::io {

inline double half(std::uint16_t bits)
{
  int const exponent = (bits >> 10) & 0x1f;
  double const fraction = bits & 0x3ff;
  double magnitude;
  if (exponent == 0x1f)
    magnitude = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  else if (exponent == 0)
    magnitude = std::ldexp(fraction, -24);
  else
    magnitude = std::ldexp(fraction + 1024, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

} // namespace rossby::io
