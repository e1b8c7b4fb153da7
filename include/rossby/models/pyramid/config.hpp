#pragma once
/// \file
/// Models that are a pyramid: an encoder of stages, each a strided cross-embedding and transformer layers with short
/// and long windows, and a decoder that doubles the grid again and joins the encoder's stages.

#include <rossby/dist/sphere_padding.hpp>
#include <rossby/models/spec.hpp>
#include <rossby/nn/decoder.hpp>

#include <string>
#include <vector>

namespace rossby {

/// Names, defaults and meanings are CREDIT's (miles-credit 5e14b83c). Lists have an entry for each stage.
struct PyramidConfig : Spec {
  std::vector<int> dim{64, 128, 256, 512}, depth{2, 2, 8, 2}, global_window{5, 5, 2, 1}, local_window{10, 10, 10, 10};
  std::vector<int> strides{4, 2, 2, 2};
  std::vector<std::vector<int>> kernels{{4, 8, 16, 32}, {2, 4}, {2, 4}, {2, 4}};
  int dim_head = 32;
  double attn_dropout = 0, ff_dropout = 0;
  bool spectral_norm = true, interp = true;
  SpherePadding padding;

  /// In what the architectures of this shape differ.
  struct Variant {
    bool mean_of_frames = false;  ///< frames are averaged in pairs, else joined as channels
    bool centred_kernels = false; ///< embeddings pad both sides alike, as part of the convolution: `convs.<j>`
    Upsampling upsampling = Upsampling::pixel_shuffle;
    UpsamplingDetails details{};
    int patch_height = 1, patch_width = 1; ///< cells that a patch embedding joins ahead of the encoder
  };
  virtual Variant variant() const = 0;
  virtual std::shared_ptr<PyramidConfig const> clone() const = 0;

  int stages() const { return static_cast<int>(dim.size()); }
  int heads(int stage) const { return dim[static_cast<std::size_t>(stage)] / dim_head; }
  int padded_height() const { return fields.height + padding.top + padding.bottom; }
  int padded_width() const { return fields.width + padding.left + padding.right; }
  /// Cells of the encoder's input, ahead of stage 0.
  int embedded_height() const { return padded_height() / variant().patch_height; }
  int embedded_width() const { return padded_width() / variant().patch_width; }
  /// Channels that enter stage 0.
  int embedded_channels() const;
  /// Rows or columns after stage 0, 1, ..., from `n` embedded ones.
  int stage_extent(int n, int stage) const;
  /// Channels of the branches of a stage's cross-embedding, by ascending kernel: half to the first, a quarter to the
  /// next, ...; the last takes what is left.
  std::vector<int> branch_channels(int stage) const;

  std::pair<int, int> padded_grid() const override { return {padded_height(), padded_width()}; }
  void check(Problems&) const override;
  std::string fingerprint() const override;
  std::vector<PartCost> parts() const override;

protected:
  std::unique_ptr<Model> make() const override;
  /// Reads the keys of all architectures of this shape.
  static void read_keys(DeckBlock const&, PyramidConfig&);
};

} // namespace rossby
