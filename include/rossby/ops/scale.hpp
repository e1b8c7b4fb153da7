#pragma once
/// \file
/// What the products of a layer are multiplied by.

#include <rossby/core/array.hpp>

#include <utility>

namespace rossby::ops {

/// 1, or 1/sigma of spectral norm. Sigma stays in device memory, where the power iteration left it: the host never
/// waits for it, and the normalised weight is never stored.
class Scale {
public:
  Scale() = default;
  /// float64, one value.
  explicit Scale(Array sigma) : sigma_(std::move(sigma))
  {
    ROSSBY_EXPECT(sigma_.dtype() == DType::float64 && sigma_.size() == 1);
  }

  /// For kernels; null where the factor is 1.
  double const* sigma() const { return static_cast<double const*>(sigma_.data()); }
  /// The factor, inside of kernels.
  KOKKOS_INLINE_FUNCTION static double of(double const* sigma) { return sigma ? 1 / *sigma : 1.0; }

private:
  Array sigma_;
};

} // namespace rossby::ops
