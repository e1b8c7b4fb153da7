#pragma once
/// \file
/// Index maps whose targets are a box of cells: a tile with its border, a crop.

#include <rossby/dist/index_map.hpp>

#include <functional>

namespace rossby {

struct BoxMap {
  IndexMap map;
  Shape cells; ///< rows and columns of the box
  Box local;   ///< a box of its targets, as large as can be, that need nothing of other ranks; rows and columns count
               ///< from the box's corner
};

/// The cells of `box`, row by row. `number` gives for (row, column) of the target grid the number of the source cell,
/// or IndexMap::nothing. Collective over `group`, whose ranks may want different boxes.
BoxMap box_map(Exec const&, Communicator const& group, Tiling const& source, Box const& box,
               std::function<index_t(index_t, index_t)> const& number);

} // namespace rossby
