#pragma once
/// \file
/// Windows of a tiled grid, brought whole onto ranks by an index map.

#include <rossby/dist/index_map.hpp>
#include <rossby/dist/process_grid.hpp>
#include <rossby/ops/elementwise.hpp>

namespace rossby {

/// How a grid is divided into windows of rows x columns tokens, which must divide it.
struct WindowLayout {
  enum class Tokens {
    near, ///< neighbours
    far   ///< cells a window-count apart, over the whole globe
  } tokens = Tokens::near;
  index_t rows = 1, columns = 1;
  /// The grid is rolled by so many cells first, northwards and westwards, and wraps: token (a, b) of window (i, j) is
  /// cell ((i rows + a + shift) mod height, ...). Windows at the last row and column then join edges of the grid.
  index_t shift_rows = 0, shift_columns = 0;
  bool operator==(WindowLayout const& o) const
  {
    return tokens == o.tokens && rows == o.rows && columns == o.columns && shift_rows == o.shift_rows &&
           shift_columns == o.shift_columns;
  }
};

/// Targets are window-major: [windows, tokens]. Members of a tensor group that share the layer all want the same
/// windows, and the adjoint sums what they bring back.
struct WindowMap {
  IndexMap map;
  index_t windows = 0, tokens = 0; ///< on this rank; per window
  ops::GlobalNumbers numbers;      ///< of this rank's windows
  IndexList seams{}; ///< per window: 1 where it joins the south and the north edge, 2 west and east, 3 both
};

/// Near windows go to the rank that owns their first cell, far ones evenly to all. `shared`: each goes to all the ranks
/// that share the layers on a domain tile. Collective over `group`.
WindowMap window_map(Exec const&, Communicator const& group, ProcessGrid const&, Tiling const& grid,
                     WindowLayout const&, bool shared);
/// Windows of one cell: the tile's, which need no map, or where layers are shared those of the domain tile.
WindowMap cell_map(Exec const&, Communicator const& group, ProcessGrid const&, Tiling const& grid, bool shared);

} // namespace rossby
