#pragma once
/// \file
/// Spectral normalisation by power iteration (Miyato et al., ICLR 2018; PyTorch's nn.utils.spectral_norm).

#include <rossby/core/array.hpp>

namespace rossby::ops {

/// The weight as a matrix m [out, in]. With `iterate` one power step first: v = n(m^T u), u = n(m v), where
/// n(z) = z / max(|z|, 1e-12); u [out] and v [in] are replaced. Then sigma [1] = u . (m v).
void spectral_sigma(Exec const&, Array const& m, bool iterate, Array const& u, Array const& v, Array const& sigma);

/// Gradient of m from the gradient g of w = m / sigma with u and v constant: dm += (g - <g, w> u v^T) / sigma.
void spectral_backward(Exec const&, Array const& m, Array const& u, Array const& v, double sigma, Array const& g,
                       Array const& dm);

} // namespace rossby::ops
