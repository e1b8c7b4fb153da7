#include <rossby/core/deck_block.hpp>

#include "core/suggest.hpp"

namespace rossby {

void DeckBlock::refuse_word(std::string const& key, std::string const& word,
                            std::vector<std::string> const& known) const
{
  auto const guess = nearest(word, known);
  attempt([&] {
    child(key).reject("unknown value '" + word + "'",
                      (guess.empty() ? "" : "did you mean '" + guess + "'? ") + "known: " + join(known));
  });
}

} // namespace rossby
