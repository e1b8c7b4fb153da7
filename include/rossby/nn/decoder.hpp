#pragma once
/// \file
/// Decoder blocks that double a grid: by pixel shuffle, transposed or bilinear convolution.

#include <rossby/nn/weights.hpp>

#include <array>
#include <optional>
#include <string>

namespace rossby {

/// What a decoder block needs to know of the grids it goes between: the coarse one it reads, the fine one it writes.
struct DecoderGrid {
  Communicator group;
  BoxMap const* coarse_border; ///< coarse tile with a border of one cell
  BoxMap const* fine_border;
  Shape coarse, fine;           ///< rows and columns of this rank's tiles, without border
  ops::Stencil const* doubling; ///< bordered coarse to bordered fine (bilinear decoder only)
};

enum class Upsampling { pixel_shuffle, transposed, bilinear };

/// In what decoders with pixel shuffle differ.
struct UpsamplingDetails {
  bool icnr = true;                 ///< kernels ahead of a pixel shuffle start alike for the four pixels of a cell
  bool normalise_sharpening = true; ///< spectral norm, where it is on, also of the sharpening convolutions
};

/// Doubles the grid, then twice {3x3 convolution, group norm, SiLU} with a skip. With pixel shuffle a sharpening 3x3
/// convolution is added in between.
class UpBlock {
public:
  UpBlock(Parameters&, WeightBook&, std::string const& name, Upsampling, UpsamplingDetails const&, index_t in,
          index_t out, index_t groups);
  Var forward(Context&, PreparedWeights const&, DecoderGrid const&, Var const& x) const;

private:
  Upsampling kind_;
  index_t out_, groups_;
  int conv_, sharp_ = -1, residual_[2], gain_[2], bias_[2];
  ops::Stencil bias_spread_; ///< one bias per pixel-shuffled channel
};

/// The last doubling, to the output channels: no norm, no activation.
class FinalBlock {
public:
  FinalBlock(WeightBook&, std::string const& name, Upsampling, UpsamplingDetails const&, index_t in, index_t out);
  /// The result is of x's type unless `result` says that it be left in the type of the sums.
  Var forward(Context&, PreparedWeights const&, DecoderGrid const&, Var const& x,
              std::optional<DType> result = {}) const;

private:
  Upsampling kind_;
  index_t out_;
  int first_, second_ = -1;
  ops::Stencil weight_spread_, bias_spread_;
};

} // namespace rossby
