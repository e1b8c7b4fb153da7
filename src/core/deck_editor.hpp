#pragma once
/// \file
/// Makes one deck out of another, for translations. What is put in a place remembers the key that the user wrote, so
/// that every later message names that one.

#include <rossby/core/deck.hpp>

#include <string>
#include <vector>

namespace rossby {

/// Places are dotted keys; blocks on the way are made where they are missing.
class DeckEditor {
public:
  /// An empty deck.
  explicit DeckEditor(std::string name);
  /// A copy of `deck` in which nothing has been read.
  explicit DeckEditor(Deck const& deck);

  bool has(std::string const& place) const;
  /// Copies what stands at `from` (and marks it as read there); `written_as` empty: its own key.
  void copy(DeckNode const& from, std::string const& place, std::string const& written_as = {});
  /// The same, entry by entry: what is there already stays, where `from` says nothing of it.
  void merge(DeckNode const& from, std::string const& place);
  /// Puts a value there, given in YAML.
  void set(std::string const& place, std::string const& yaml, std::string const& written_as = {});
  /// The same for text that may hold any character, and for a list of such.
  void set_text(std::string const& place, std::string const& text, std::string const& written_as = {});
  void set_texts(std::string const& place, std::vector<std::string> const& texts, std::string const& written_as = {});
  /// Moves what stands at `from`, which keeps its name in messages; nothing happens where there is nothing.
  void move(std::string const& from, std::string const& place);
  /// True when there was something, be it null.
  bool erase(std::string const& place);
  /// The key that messages name for a place and, with it, for what is below.
  void written_as(std::string const& place, std::string const& key);
  /// Whoever reads this place is told why it can't be used.
  void fault(std::string const& place, Error const& why);
  /// Lines ahead of the key in commented(); more are added below the earlier ones. Nothing happens where there is
  /// nothing.
  void comment(std::string const& place, std::string const& text);

  /// The deck; `said`, what the translation found, is reported by Deck::report_translation().
  Deck deck(Problems const& said) const;
  /// The deck as YAML with its comments.
  std::string commented() const;

private:
  DeckNode::Data* find(std::string const& place) const;
  std::shared_ptr<DeckNode::Data>& slot(std::string const& place);
  void put(std::string const& place, std::shared_ptr<DeckNode::Data>, std::string const& written_as);

  std::shared_ptr<DeckNode::Data> root_;
  std::string name_;
};

} // namespace rossby
