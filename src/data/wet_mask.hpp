#pragma once
/// \file
/// Private to src/data: the ocean's mask (`wet_mask_samudra`).

#include "coupled_blocks.hpp"

#include "data/transform.hpp"

#include <vector>

namespace rossby {

/// By output channel: the model's own output times the mask of its depth, which is the number at the end of the
/// variable's name (thetao_12), or the surface. \throws Error.
std::vector<TransformChain> read_wet_mask(DeckNode const& args, BlockFields const&);

} // namespace rossby
