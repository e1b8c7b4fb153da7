#pragma once
/// \file
/// The `model:` block of a deck.

#include <rossby/core/deck.hpp>

#include <array>
#include <string>
#include <vector>

namespace rossby {

struct PaddingConfig {
  bool active = false;
  enum class Mode { earth, mirror } mode = Mode::earth;
  int top = 0, bottom = 0, left = 0, right = 0;
};

/// Names, defaults and meanings are CREDIT's (miles-credit 5e14b83c, wxformer/crossformer.py and crossformer.py).
struct ModelConfig {
  enum class Type { wxformer, crossformer } type = Type::wxformer;
  int image_height = 640, image_width = 1280;
  int frames = 2, output_frames = 1;
  int channels = 4, surface_channels = 7, input_only_channels = 3, output_only_channels = 0, levels = 15;
  std::array<int, 4> dim{64, 128, 256, 512}, depth{2, 2, 8, 2}, global_window{5, 5, 2, 1}, local_window{10, 10, 10, 10};
  std::array<int, 4> strides{4, 2, 2, 2};
  std::array<std::vector<int>, 4> kernels{{{4, 8, 16, 32}, {2, 4}, {2, 4}, {2, 4}}};
  int dim_head = 32;
  double attn_dropout = 0, ff_dropout = 0;
  bool spectral_norm = true, interp = true, upsample_v_conv = false;
  PaddingConfig padding;

  int base_input_channels() const { return channels * levels + surface_channels + input_only_channels; }
  int base_output_channels() const { return channels * levels + surface_channels + output_only_channels; }
  int input_channels() const { return base_input_channels() * frames; }
  int output_channels() const { return base_output_channels() * output_frames; }
  int heads(int stage) const { return dim[static_cast<std::size_t>(stage)] / dim_head; }
  int padded_height() const { return image_height + padding.top + padding.bottom; }
  int padded_width() const { return image_width + padding.left + padding.right; }
  /// Rows or columns of the padded grid after stage 0..3, from `n` padded ones.
  int stage_extent(int n, int stage) const;

  /// Reads the block, warns of keys that CREDIT ignores and collects every geometric problem, each with a fix.
  static ModelConfig read(DeckNode const& model, Problems&);
};

} // namespace rossby
