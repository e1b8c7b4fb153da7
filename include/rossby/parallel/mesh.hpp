#pragma once
/// \file
/// How the ranks of a run are arranged.

#include <rossby/comm/communicator.hpp>

namespace rossby {

/// Ranks are row-major over (data, spatial): the ranks of one sample are neighbours.
struct Mesh {
  Communicator world;        ///< all ranks; every one holds all parameters
  Communicator data;         ///< ranks with this tile of other samples
  Communicator spatial;      ///< ranks with other tiles of this sample, row-major over the process grid
  int rows = 1, columns = 1; ///< of the process grid

  /// `world` has a multiple of rows * columns ranks.
  Mesh(Communicator const& world, int rows, int columns);
};

} // namespace rossby
