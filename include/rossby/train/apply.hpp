#pragma once
/// \file
/// One forward pass, and its gradients, on files: what people hold Rossby against other frameworks with.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/deck.hpp>
#include <rossby/models/precision.hpp>

#include <string>

namespace rossby {

struct ApplyOptions {
  std::string weights; ///< HDF5 with `/model/<name>`
  std::string input;   ///< HDF5 with `/input` (B, C, T, H, W) and, for gradients, `/target` and perhaps `/latitude`
  std::string output;  ///< written whole or not at all
  bool training = false;
  bool gradients = false;
  Precision precision; ///< files are written in that of the parameters
};

/// Writes `/output` (B, C_out, T_out, H, W) and, with gradients, `/loss` and `/grad/<name>` of the deck's loss. Reads
/// the blocks `model`, `loss` and `trainer.parallelism`; the batch is split over data ranks and every sample into
/// tiles, and the files are the same on any mesh.
void apply(Deck const&, ApplyOptions const&, Communicator const& world);

} // namespace rossby
