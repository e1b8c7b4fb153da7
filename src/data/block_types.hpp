#pragma once
/// \file
/// Which blocks a deck may name, judged without its data.

#include <rossby/core/deck.hpp>

namespace rossby {

/// One error for each block of `preblocks` and `postblocks` (the deck's and those of `inference`) whose type is not
/// offered, and for each phase that is none. What else is in a block is judged against the data's variables.
void judge_block_types(Deck const&, Problems&);

} // namespace rossby
