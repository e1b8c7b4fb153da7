#pragma once
/// \file
/// Spectral normalisation by power iteration (Miyato et al., ICLR 2018; PyTorch's nn.utils.spectral_norm).

#include <rossby/core/array.hpp>

namespace rossby::ops {

// A rank may hold a block of the weight matrix m [out, in]; the vectors u [out] and v [in] are then those of its rows
// and columns. Products of blocks add up to products of the matrix.

/// v = m^T u.
void spectral_transposed_product(Exec const&, Array const& m, Array const& u, Out v);
/// u = m v.
void spectral_product(Exec const&, Array const& m, Array const& v, Out u);
/// to = z / max(|z|, 1e-12), of whole vectors.
void spectral_normalise(Exec const&, Array const& z, Out to);
/// sigma [1] = u . image, with image = m v, of whole vectors.
void spectral_sigma(Exec const&, Array const& u, Array const& image, Out sigma);

/// product [1], float64, = sum of g m over the block.
void spectral_inner_product(Exec const&, Array const& m, Array const& g, Out product);
/// Gradient of m from the gradient g of w = m / sigma with u and v constant: dm += (g - <g, w> u v^T) / sigma, where
/// <g, w> = product / sigma is that of the whole matrix.
void spectral_backward(Exec const&, Array const& u, Array const& v, double sigma, Array const& product, Array const& g,
                       Out dm);

} // namespace rossby::ops
