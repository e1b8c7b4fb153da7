#pragma once
/// \file
/// How the ranks of a run are arranged.

#include <rossby/comm/communicator.hpp>
#include <rossby/parallel/config.hpp>

namespace rossby {

/// A Cartesian grid of ranks, row-major over (data, tensor, latitude, longitude) and periodic in longitude: the ranks
/// of one sample are neighbours. Every axis is a group, of one rank where its degree is 1.
struct Mesh {
  Communicator world;
  Communicator data;         ///< ranks with this part of this tile of other samples
  Communicator tensor;       ///< ranks that share this tile and the layers on it
  Communicator domain;       ///< ranks with other tiles of this sample, row-major over the process grid
  Communicator spatial;      ///< tensor x domain: all ranks of this sample
  Communicator replicas;     ///< data x domain: ranks with this part of every shared layer
  int rows = 1, columns = 1; ///< of the process grid of tiles

  /// \throws Error (trainer.parallelism) when `world` can't be arranged so.
  Mesh(Communicator const& world, ParallelismConfig const&);
};

} // namespace rossby
