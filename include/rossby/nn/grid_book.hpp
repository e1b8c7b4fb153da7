#pragma once
/// \file
/// The grids of a model and every way in which cells move between them: declared by modules as they are constructed,
/// as parameters are, and built once the mesh is known.

#include <rossby/dist/box_map.hpp>
#include <rossby/dist/sphere_padding.hpp>
#include <rossby/dist/window_map.hpp>
#include <rossby/nn/unpad.hpp>
#include <rossby/ops/shuffle.hpp>

#include <functional>
#include <string>
#include <vector>

namespace rossby {

/// What a book hands out: the number of a declaration, of one kind each.
struct GridId {
  int number = -1;
};
struct HaloId {
  int number = -1;
};
struct WindowsId {
  int number = -1;
};
struct CellsId {
  int number = -1;
};
struct PatchesId {
  int number = -1;
};
struct UnpadId {
  int number = -1;
};
struct DoublingId {
  int number = -1;
};

/// Rows and columns at the edges of a grid.
struct Margins {
  index_t top = 0, bottom = 0, left = 0, right = 0;
};

/// Cells that a strided convolution to the cells of a grid reads.
struct Footprint {
  index_t stride = 1, kernel = 3, before = 1; ///< row i reads rows i stride - before and kernel - 1 more
  bool operator==(Footprint const& o) const { return stride == o.stride && kernel == o.kernel && before == o.before; }
};

/// Tiles are cut on the cells of the coarsest grid and scaled up, so that no stride straddles a cut; rows and columns
/// of a finer grid beyond the last coarse cell belong to the last tile. What is declared twice is built once. Ids of
/// declarations that the plans belong to stay good; plans must not be asked for before build().
class GridBook {
public:
  /// The grid whose cells are never cut: declared first, once.
  GridId coarsest(index_t height, index_t width);
  /// A grid with down x along cells for each of the coarsest.
  GridId refined(index_t down, index_t along, index_t height, index_t width);
  /// A grid without its margins. A tile that lies in them is empty.
  GridId inside(GridId, Margins const&);
  /// A grid with margins added; they belong to the outermost tiles.
  GridId outside(GridId, Margins const&);
  /// The grid of an unpad().
  GridId output(UnpadId) const;

  /// The cells of `from` that a convolution to the cells of `to` reads; zero outside of it.
  HaloId halo(GridId from, GridId to, Footprint const&);
  /// The same from an image that is padded over poles and date line; zero outside of the padded image.
  HaloId padded_halo(GridId image, SpherePadding const&, GridId to, Footprint const&);
  /// A grid in one with margins, which are zero: the adjoint crops them.
  HaloId with_margins(GridId from, GridId to, Margins const&);
  /// Windows of a grid, for layers of a stage of the model that tensor groups may share.
  WindowsId windows(GridId, WindowLayout const&, int stage);
  /// Windows of one cell, likewise.
  CellsId cells(GridId, int stage);
  /// The cells of a tile, which no layer shares.
  CellsId own_cells(GridId grid) { return cells(grid, no_stage); }
  /// For each cell of `to` its patch of rows x columns cells of a padded image: [cells of the tile, rows * columns].
  PatchesId patches(GridId image, SpherePadding const&, GridId to, index_t rows, index_t columns);
  /// Without the widths of a padding and resized to height x width.
  UnpadId unpad(GridId from, SpherePadding const&, index_t height, index_t width);
  /// Bilinear doubling of a coarse tile with a border of one cell to a fine one with a border of one cell.
  DoublingId doubling(GridId coarse, GridId fine);

  /// Every grid, cut by a process grid. Asks no rank. \throws Error when a rank would get no coarse cell, naming a
  /// process grid that fits.
  std::vector<Tiling> cut(ProcessGrid const&) const;
  /// Collective over `group`.
  void build(Exec const&, Communicator const& group, ProcessGrid const&);

  Communicator const& group() const { return group_; }
  Tiling const& operator[](GridId g) const { return at(tilings_, g.number); }
  /// Rows and columns of this rank's tile.
  Shape extents(GridId) const;
  BoxMap const& operator[](HaloId h) const { return at(halo_maps_, h.number); }
  WindowMap const& operator[](WindowsId w) const { return at(window_maps_, w.number); }
  WindowMap const& operator[](CellsId c) const { return at(cell_maps_, c.number); }
  IndexMap const& operator[](PatchesId p) const { return at(patch_maps_, p.number); }
  Unpad const& operator[](UnpadId u) const { return at(unpad_maps_, u.number); }
  ops::Stencil const& operator[](DoublingId d) const { return at(doubling_stencils_, d.number); }
  /// Ranks that share each layer of a stage, and which of them this is.
  int shares(int stage) const { return stage == no_stage || ranks_.tensor_whole.count(stage) ? 1 : ranks_.tensor; }
  int share(int stage) const { return shares(stage) == 1 ? 0 : group_.rank() / ranks_.domains(); }

  /// For tests: every index map and stencil with what it is. Maps of unshared cells, which move nothing, are left out.
  void for_each(std::function<void(std::string const&, IndexMap const&)> const& map,
                std::function<void(std::string const&, ops::Stencil const&)> const& stencil) const;

private:
  template <class T> static T const& at(std::vector<T> const& list, int number)
  {
    ROSSBY_EXPECT(number >= 0 && number < static_cast<int>(list.size()));
    return list[static_cast<std::size_t>(number)];
  }
  struct Grid {
    enum class Kind { coarsest, refined, inside, outside, output } kind;
    index_t height, width;
    int of = -1; ///< grid that it is made from, or unpad
    index_t down = 1, along = 1;
    Margins margins{};
  };
  static constexpr int no_stage = -1;
  struct Halo {
    int from, to;
    Footprint footprint;
    index_t before_columns;
    bool padded;
    SpherePadding padding;
  };
  HaloId add(Halo const&);
  struct Windows {
    int grid, stage;
    WindowLayout layout;
  };
  struct Patches {
    int image, to;
    index_t rows, columns;
    SpherePadding padding;
  };
  struct Unpadding {
    int from, output;
    SpherePadding padding;
    index_t height, width;
  };
  struct Doubling {
    int coarse, fine;
  };
  GridId add(Grid);
  BoxMap build(Exec const&, Halo const&) const;
  IndexMap build(Exec const&, Patches const&) const;
  ops::Stencil build(Exec const&, Doubling const&) const;
  Box tile(int grid) const { return at(tilings_, grid).box(group_.rank()); }

  std::vector<Grid> grids_;
  std::vector<Halo> halos_;
  std::vector<Windows> windows_, cells_;
  std::vector<Patches> patches_;
  std::vector<Unpadding> unpads_;
  std::vector<Doubling> doublings_;

  Communicator group_;
  ProcessGrid ranks_;
  std::vector<Tiling> tilings_;
  std::vector<BoxMap> halo_maps_;
  std::vector<WindowMap> window_maps_, cell_maps_;
  std::vector<IndexMap> patch_maps_;
  std::vector<Unpad> unpad_maps_;
  std::vector<ops::Stencil> doubling_stencils_;
};

} // namespace rossby
