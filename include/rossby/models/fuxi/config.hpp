#pragma once
/// \file
/// FuXi (CREDIT's fuxi.py with a stage of timm's Swin Transformer V2).

#include <rossby/dist/sphere_padding.hpp>
#include <rossby/models/spec.hpp>

#include <array>
#include <string>
#include <vector>

namespace rossby {

/// Names, defaults and meanings are CREDIT's (miles-credit 5e14b83c). Patches of the padded image are embedded, halved
/// once, go through `depth` blocks of shifted windows, are doubled again and handed out as patches.
struct FuxiConfig final : Spec {
  int patch_height = 16, patch_width = 16, frame_patch_size = 2;
  int dim = 1536, num_heads = 8, depth = 48;
  std::array<int, 2> num_groups{32, 32}; ///< of the group norms on the way down and up
  std::array<int, 2> window_size{7, 7};  ///< tokens are padded to multiples of both; windows are squares of the first
  double proj_drop = 0, attn_drop = 0;
  std::vector<double> drop_path{0}; ///< for all blocks, or one for each
  bool spectral_norm = true, interp = true;
  bool freeze = false; ///< no parameter is trained
  SpherePadding padding;

  FuxiConfig() { fields.input_only_channels = 0; }

  int padded_height() const { return fields.height + padding.top + padding.bottom; }
  int padded_width() const { return fields.width + padding.left + padding.right; }
  /// Whole patches along an axis; rows and columns that fill none are dropped.
  std::array<int, 2> patches() const { return {padded_height() / patch_height, padded_width() / patch_width}; }
  /// Cells after the halving.
  std::array<int, 2> low() const { return {(patches()[0] + 1) / 2, (patches()[1] + 1) / 2}; }
  /// Low cells that fill up the last windows along an axis, ahead of the first and behind the last.
  std::array<int, 2> window_margin(int axis) const;
  /// Low cells with these.
  std::array<int, 2> tokens() const;
  /// Rows and columns of a window.
  std::array<int, 2> window() const;
  /// By which every other block shifts its windows along an axis: nothing where one window is all.
  std::array<int, 2> shift() const;
  double drop_path_of(int block) const
  {
    return drop_path.size() == 1 ? drop_path.front() : drop_path[static_cast<std::size_t>(block)];
  }

  std::string type() const override { return "fuxi"; }
  std::pair<int, int> padded_grid() const override { return {padded_height(), padded_width()}; }
  void check(Problems&) const override;
  std::string fingerprint() const override;
  std::vector<PartCost> parts() const override;

  /// The `model:` block of a deck.
  static std::shared_ptr<FuxiConfig const> read(DeckBlock const&, std::string const& type);

private:
  std::unique_ptr<Model> make() const override;
};

} // namespace rossby
