#pragma once
/// \file
/// Decoder blocks that double a grid: by pixel shuffle, transposed or bilinear convolution.

#include <rossby/nn/layers.hpp>

#include <optional>
#include <string>

namespace rossby {

enum class Upsampling { pixel_shuffle, transposed, bilinear };

/// In what decoders with pixel shuffle differ.
struct UpsamplingDetails {
  bool icnr = true;                 ///< kernels ahead of a pixel shuffle start alike for the four pixels of a cell
  bool normalise_sharpening = true; ///< spectral norm, where it is on, also of the sharpening convolutions
};

/// How a grid is doubled, and its cells and those of the result.
struct Doubler {
  Upsampling kind;
  UpsamplingDetails details;
  GridId coarse, fine;
};

/// One cell around the tiles of both grids.
struct DoublerBorders {
  HaloId coarse, fine;
  DoublingId doubling; ///< only of the bilinear kind
  DoublerBorders(Doubler const&, GridBook&);
};

/// Doubles the grid, then a residual block. With pixel shuffle a sharpening 3x3 convolution is added in between.
class UpBlock {
public:
  UpBlock(Books const&, std::string const& name, Doubler const&, index_t in, index_t out, index_t groups);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  GridBook const* grids_;
  Doubler how_;
  DoublerBorders border_;
  int conv_, sharp_;
  TransposedDoubling transposed_;
  ResidualBlock residual_;
};

/// The last doubling, to the output channels: no norm, no activation.
class FinalBlock {
public:
  FinalBlock(Books const&, std::string const& name, Doubler const&, index_t in, index_t out);
  /// The result is of x's type unless `result` says that it be left in the type of the sums.
  Var forward(Context&, PreparedWeights const&, Var const& x, std::optional<DType> result = {}) const;

private:
  GridBook const* grids_;
  Doubler how_;
  DoublerBorders border_;
  index_t out_;
  int first_, second_ = -1;
  ModuleStencil weight_spread_;
  FourBiases biases_;
};

} // namespace rossby
