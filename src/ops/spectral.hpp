#pragma once
/// \file
/// Spectral normalisation by power iteration (Miyato et al., ICLR 2018; PyTorch's nn.utils.spectral_norm), of many
/// weights at once.
///
/// Weight matrices M [out, in] lie in one array, their vectors u [out] and v [in] in another. A rank may hold some rows
/// and columns of a matrix; products of blocks add up to products of the matrix.

#include "ops/pieces.hpp"

namespace rossby::ops {

/// Consecutive rows of a matrix, dense.
struct SpectralRows {
  index_t matrix; ///< its number
  index_t at;     ///< where they begin in the array of matrices
  index_t rows, columns;
  index_t left, right; ///< where in the array of vectors the elements of u and v begin that belong to them
};

/// A table of them on the device, cut into pieces of a few rows.
class SpectralTable {
public:
  SpectralTable() = default;
  /// Of matrices 0, ..., matrices - 1 in ascending order; of some there may be no rows.
  SpectralTable(Exec const&, index_t matrices, std::vector<SpectralRows> const&);

  struct Piece : SpectralRows {
    index_t part; ///< of what it adds to M^T u
  };
  struct View {
    rossby::View<index_t const, 1> table, first;
    /// The pieces of matrix m are [first(m), first(m + 1)).
    KOKKOS_INLINE_FUNCTION Piece operator()(index_t i) const
    {
      index_t const* p = &table(7 * i);
      return {{p[0], p[1], p[2], p[3], p[4], p[5]}, p[6]};
    }
  };
  View view() const { return {table_.view(), first_.view()}; }
  index_t pieces() const { return table_.size() / 7; }
  index_t matrices() const { return columns_.slices(); }
  /// The columns of each matrix that this rank has, as slices of the array of vectors.
  Pieces const& columns() const { return columns_; }
  /// Elements of all parts of M^T u.
  index_t parts() const { return parts_; }

private:
  IndexList table_, first_;
  Pieces columns_;
  index_t parts_ = 0;
};

/// images[v] = M^T u and images[u] = M v, in an array like that of the vectors. Elsewhere it is left alone.
void spectral_transposed_products(Exec const&, SpectralTable const&, Array const& matrices, Array const& vectors,
                                  Out images);
void spectral_products(Exec const&, SpectralTable const&, Array const& matrices, Array const& vectors, Out images);
/// vectors = images / max(|images|, 1e-12), slice by slice; a slice is a whole vector.
void spectral_normalise(Exec const&, Pieces const& slices, Array const& images, Out vectors);
/// sigmas [matrices], float64, = u . images[u]; a slice is a whole u.
void spectral_sigmas(Exec const&, Pieces const& slices, Array const& vectors, Array const& images, Out sigmas);

/// products [matrices], float64, = the sum of g m over the blocks. `gradients` lies as the matrices do.
void spectral_inner_products(Exec const&, SpectralTable const&, Array const& matrices, Array const& gradients,
                             Out products);
/// Gradients of m from the gradients g of w = m / sigma with u and v constant: dm += (g - <g, w> u v^T) / sigma, where
/// <g, w> = product / sigma is that of the whole matrix.
void spectral_backward(Exec const&, SpectralTable const&, Array const& vectors, Array const& sigmas,
                       Array const& products, Array const& gradients, Out to);

} // namespace rossby::ops
