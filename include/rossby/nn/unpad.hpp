#pragma once
/// \file
/// From a decoder's padded output to the image: crop and resize, tile by tile.

#include <rossby/autograd/functions.hpp>
#include <rossby/dist/box_map.hpp>
#include <rossby/dist/sphere_padding.hpp>

namespace rossby {

/// Which cells of the padded output each rank reads for its tile of the image, and with what weights.
class Unpad {
public:
  /// `padded` is the decoder's output grid. CREDIT crops it by the widths of the *input's* padding, then resizes what
  /// is left to `image_h` x `image_w` (bilinear, corners not aligned) if it has another size. Collective over `group`.
  Unpad(Exec const&, Communicator const& group, Tiling const& padded, SpherePadding const& padding, index_t image_h,
        index_t image_w);
  Unpad() = default;
  /// How the image is cut: a cell belongs to the tile of its upper left source cell.
  static Tiling output_of(Tiling const& padded, SpherePadding const& padding, index_t image_h, index_t image_w);

  Tiling const& output() const { return output_; }
  IndexMap const& crop() const { return crop_.map; }
  bool resizes() const { return resizes_; }
  ops::Stencil const& resize() const { return resize_; }

private:
  friend Var unpad_shard_interp(Context&, Var const&, Unpad const&);
  Tiling output_;
  BoxMap crop_; ///< the tile's cells, or those that its interpolation reads
  bool resizes_ = false;
  ops::Stencil resize_;
  Shape tile_; ///< rows and columns
};

/// This rank's tile of the image from its tile of the padded output, `y_pred`: [B, rows, columns, C] both. The tiles of
/// `y_pred` may end anywhere; what a tile reads beyond its border comes from its neighbours.
Var unpad_shard_interp(Context&, Var const& y_pred, Unpad const&);

} // namespace rossby
