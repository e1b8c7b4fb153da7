#pragma once
/// \file
/// Run decks: CREDIT's second-generation YAML. A deck knows which of its keys were read, so that a mistyped key is an
/// error and not a silent default.

#include <rossby/core/error.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

/// A place in a deck: a map, a list, a scalar, null, or missing. Reading it marks it as read.
class DeckNode {
public:
  /// Dotted key of this place: "trainer.parallelism.data"; list items as "loss.args.weights[2]". In a deck that was
  /// translated, the key that the user wrote.
  std::string const& path() const { return path_; }
  bool exists() const; ///< present and not null
  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;

  /// The entry of a map; a missing one is a node for which exists() is false. Fails when this is not a map.
  DeckNode operator[](std::string const& key) const;
  bool has(std::string const& key) const { return (*this)[key].exists(); }
  /// The entries of a map in file order (none when missing); fails when it is something else.
  std::vector<std::pair<std::string, DeckNode>> entries() const;
  /// The items of a list (none when missing); fails when it is something else.
  std::vector<DeckNode> items() const;

  /// The value as T: bool, int, std::int64_t, double, std::string, or a std::vector of int, std::int64_t, double,
  /// std::string (where one word stands for a list of one). Fails, naming the key, when missing or of another type.
  template <class T> T as() const;
  /// The value, or `fallback` when the key is missing or null.
  template <class T> T get(std::string const& key, T fallback) const;
  /// The value of a required key.
  template <class T> T require(std::string const& key) const;

  /// Fails at this place.
  [[noreturn]] void reject(std::string const& what, std::string const& fix = {}) const;
  /// Marks this place and all below it as read (blocks that are ignored on purpose).
  void mark_read() const;
  /// This subtree as YAML text.
  std::string dump() const;

private:
  friend class Deck;
  friend class DeckEditor;
  struct Data;
  void throw_fault() const;
  void throw_unset() const;
  std::shared_ptr<Data> data_;
  std::string path_;
};

class Deck {
public:
  /// Reads a file. `overrides` are "a.b=c" settings with c in YAML (lists and maps included); they may add keys.
  /// Environment variables in the form $NAME and ${NAME} inside string values are expanded.
  /// \throws Error naming file, line and what YAML expects, or an override that can't be placed.
  static Deck load(std::string const& file, std::vector<std::string> const& overrides = {});
  static Deck parse(std::string const& text, std::string const& name = "deck",
                    std::vector<std::string> const& overrides = {});

  DeckNode root() const { return root_; }
  DeckNode operator[](std::string const& key) const { return root_[key]; }
  std::string const& name() const { return name_; }
  /// The deck after overrides, as YAML (stored in checkpoints).
  std::string text() const;

  /// One error for each key that nobody has read, each with the nearest key that somebody asked for at that place.
  void check_all_read(Problems&) const;
  /// What was wrong with the deck before it was translated into this one (core/deck_editor.hpp).
  void report_translation(Problems&) const;

private:
  friend class DeckEditor;
  DeckNode root_;
  std::string name_;
  Problems said_; // of a translation
};

} // namespace rossby
