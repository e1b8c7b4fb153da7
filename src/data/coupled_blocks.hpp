#pragma once
/// \file
/// Private to src/data: postblocks that couple channels or cells, as decks spell them.

#include "data/postblocks.hpp"
#include <rossby/core/deck.hpp>
#include <rossby/data/grid.hpp>
#include <rossby/data/schema.hpp>

#include <optional>

namespace rossby {

/// The fields that a block finds, and those that blocks before it have added.
struct BlockFields {
  ChannelSchema const& schema;
  Grid const& grid;
  std::vector<SchemaEntry> derived{}; ///< their first_channel follows the output channels
};

/// The block that `entry` describes with `args`, or nothing when `type` is not one of these. \throws Error.
std::optional<CoupledBlock> read_coupled_block(std::string const& type, DeckNode const& entry, DeckNode const& args,
                                               BlockFields& fields, Problems&);
/// The types that read_coupled_block knows.
std::vector<std::string> const& coupled_block_types();

} // namespace rossby
