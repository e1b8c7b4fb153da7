#pragma once
/// \file
/// Private to src/train: the terms of a flat loss that compare spectra along latitude circles.

#include <rossby/autograd/tape.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/dist/index_map.hpp>

#include <vector>

namespace rossby {

class SpectrumLoss {
public:
  /// Wavenumbers count from `first`. `weights`: by row of the global grid, of mean 1. Collective over `ranks`, who
  /// share every sample as the tiles of `tiling`.
  SpectrumLoss(index_t first, std::vector<double> const& weights, Tiling const& tiling, Communicator const& ranks);

  /// This rank's part of two sums over samples, channels and wavenumbers, float64 [2]. With F the discrete Fourier
  /// transform of a row:
  ///
  /// power: of the weighted mean over rows of (ln(P_t + 1e-8) - ln(P_p + 1e-8))^2, P = 2 |F / W|^2 (once for k = 0)
  ///
  /// spectral: of (A_p - A_t)^2, A the weighted mean over rows of |F|
  ///
  /// Collective, and so is the backward pass.
  Var sums(Context&, Var const& prediction, Array const& target, index_t samples) const;
  /// Wavenumbers that count.
  index_t wavenumbers() const { return tables_.size() / (2 * width_); }

private:
  Communicator ranks_;
  index_t width_, first_, first_row_, rows_;
  IndexMap map_;                ///< to whole rows
  std::vector<double> weights_; ///< by row of this rank: of mean 1 over all rows, divided by their number
  Array tables_;                ///< float64 [2 * wavenumbers, W]: cosines, then sines (negative)
};

} // namespace rossby
