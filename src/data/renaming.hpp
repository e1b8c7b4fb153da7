#pragma once
/// \file
/// Private to src/data: variables that go by other names behind their files (`rename` preblocks), as those of one
/// source must where a model was trained on another's.

#include <rossby/core/deck.hpp>
#include <rossby/data/schema.hpp>

namespace rossby {

/// Gives entries the keys and short names of the deck's `rename` blocks, one block after the other; what they are
/// called in their files stays known. The order of channels does not change.
void rename_variables(DeckNode const& preblocks, ChannelSchema&, Problems&);

} // namespace rossby
