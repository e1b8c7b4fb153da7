#pragma once
// The tree behind DeckNode; private to the two files that implement decks.

#include <rossby/core/deck.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

struct DeckNode::Data {
  enum class Kind { missing, null, scalar, list, map } kind = Kind::missing;
  std::string scalar;
  bool quoted = false; // text, whatever it looks like
  std::string origin;  // "deck.yml line 7" or "--set"
  std::vector<std::pair<std::string, std::shared_ptr<Data>>> entries;
  std::vector<std::shared_ptr<Data>> items;

  bool read = false;
  std::vector<std::string> asked; // keys that somebody looked for in this map

  Data* find(std::string const& key)
  {
    for (auto& [name, child] : entries)
      if (name == key)
        return child.get();
    return nullptr;
  }
  std::string describe() const;
  void mark_all_read();
  void check_all_read(std::string const& path, Problems&) const;
  std::string dump() const;
};

} // namespace rossby
