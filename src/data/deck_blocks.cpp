#include "data/deck_blocks.hpp"

namespace rossby {

DeckNode deck_blocks(Deck const& deck, std::string const& key, bool for_inference)
{
  auto const own = for_inference ? deck["inference"][key] : DeckNode();
  return own.exists() ? own : deck[key];
}

std::vector<DeckNode> block_arguments(DeckNode const& blocks)
{
  std::vector<DeckNode> list;
  if (blocks.is_map())
    for (auto const& [phase, of_phase] : blocks.entries())
      if (of_phase.is_map())
        for (auto const& [name, block] : of_phase.entries())
          if (block.is_map() && block["args"].is_map())
            list.push_back(block["args"]);
  return list;
}

} // namespace rossby
