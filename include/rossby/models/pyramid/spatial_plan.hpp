#pragma once
/// \file
/// Where every cell of a WXFormer's grids lives and how cells travel: built once per (model, mesh).

#include <rossby/dist/box_map.hpp>
#include <rossby/models/pyramid/tiles.hpp>
#include <rossby/models/unpad.hpp>
#include <rossby/ops/elementwise.hpp>
#include <rossby/ops/shuffle.hpp>

#include <array>

namespace rossby {

/// Windows of one attention, gathered whole onto ranks. Targets are window-major: [windows, tokens]. Members of a
/// tensor group that share the layer all want the same windows, and the adjoint sums what they bring back.
struct WindowMap {
  IndexMap map;
  index_t windows = 0, tokens = 0; ///< on this rank; per window
  ops::GlobalNumbers numbers;      ///< of this rank's windows
};

/// All maps between the tiles of a model's grids: the image (physical), the padded image, encoder stages 0-3, decoder
/// levels 0-4, and the output.
class SpatialPlan {
public:
  /// Collective over `group`. \throws Error when a tile would get no coarse cell, naming a process grid that fits.
  SpatialPlan(PyramidConfig const&, Communicator const& group, ProcessGrid const&);

  Communicator const& group() const { return group_; }
  Tiling const& image() const { return tiles_.image; }
  Tiling const& output() const { return unpad_.output(); }
  Tiling const& stage(int s) const { return tiles_.stage[static_cast<std::size_t>(s)]; }
  Tiling const& level(int k) const { return tiles_.level[static_cast<std::size_t>(k)]; }
  Box const& tile(Tiling const& t) const { return t.box(group_.rank()); }

  /// Input of stage s's cross-embedding with the border of its widest kernel: for stage 0 the padded image (poles,
  /// longitude wrap), zero outside of it.
  BoxMap const& embed_input(int s) const { return embed_[static_cast<std::size_t>(s)]; }
  /// Level k's tile with a border of one cell, zero outside the grid.
  BoxMap const& border(int k) const { return border_[static_cast<std::size_t>(k)]; }
  WindowMap const& short_windows(int s) const { return short_[static_cast<std::size_t>(s)]; }
  WindowMap const& long_windows(int s) const { return long_[static_cast<std::size_t>(s)]; }
  /// Windows of one cell: those of the tile, which need no map, or those of the domain tile where layers are shared.
  WindowMap const& cells(int s) const { return cells_[static_cast<std::size_t>(s)]; }
  /// Ranks that share each layer of a stage, and which of them this is.
  int shares(int stage) const { return grid_.tensor_whole.count(stage) ? 1 : grid_.tensor; }
  int share(int stage) const { return shares(stage) == 1 ? 0 : group_.rank() / grid_.domains(); }

  /// Level 4 to the output.
  Unpad const& unpad() const { return unpad_; }
  /// Bilinear doubling of level k's bordered tile to level k + 1's bordered tile (only for `upsample_v_conv`).
  ops::Stencil const& doubling(int k) const { return doubling_[static_cast<std::size_t>(k)]; }

private:
  void build_embed_inputs(PyramidConfig const&);
  void build_windows(PyramidConfig const&);
  void build_doubling();
  WindowMap windows_of(Tiling const&, index_t window, bool whole_globe, bool shared) const;
  WindowMap cells_of(Tiling const&, bool shared) const;

  Communicator group_;
  ProcessGrid grid_;
  GridTiles tiles_;
  std::array<BoxMap, 4> embed_;
  std::array<BoxMap, 5> border_;
  std::array<WindowMap, 4> short_, long_, cells_;
  Unpad unpad_;
  std::array<ops::Stencil, 4> doubling_;
};

} // namespace rossby
