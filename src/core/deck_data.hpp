#pragma once
// The tree behind DeckNode; private to the files that implement decks.

#include <rossby/core/deck.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

struct DeckNode::Data {
  enum class Kind { missing, null, scalar, list, map } kind = Kind::missing;
  std::string scalar;
  bool quoted = false;                // text, whatever it looks like
  std::string origin;                 // "deck.yml line 7" or "--set"
  std::string written_as;             // the key that the user wrote, where a translation put it here; empty: this one
  std::string comment;                // for whoever reads the deck as text
  std::shared_ptr<Error const> fault; // why nothing here can be used; whoever reads it is told
  // Environment variables that are not set, and which keys need them: the same for the whole deck.
  std::shared_ptr<std::map<std::string, std::string> const> unset;
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
  std::string path_below(std::string const& parent, std::string const& key) const
  {
    if (!written_as.empty())
      return written_as;
    return parent.empty() ? key : parent + "." + key;
  }
  /// A copy that is read independently.
  std::shared_ptr<Data> clone() const;
  void note_unset_variables();
  void mark_all_read();
  void check_all_read(std::string const& path, Problems&) const;
  std::string dump() const;
  std::string commented() const;
};

} // namespace rossby
