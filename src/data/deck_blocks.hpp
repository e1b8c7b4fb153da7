#pragma once
/// \file
/// Where a deck's preblocks and postblocks stand.

#include <rossby/core/deck.hpp>

#include <string>
#include <vector>

namespace rossby {

/// `key` (preblocks or postblocks) of a deck, or for forecasts that of `inference` where it stands there.
DeckNode deck_blocks(Deck const&, std::string const& key, bool for_inference);

/// The `args` of each block, phase by phase. Blocks without any, and what is no block, are left to those who judge
/// them.
std::vector<DeckNode> block_arguments(DeckNode const& blocks);

} // namespace rossby
