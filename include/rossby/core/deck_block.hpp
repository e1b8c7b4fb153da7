#pragma once
/// \file
/// Reads a block of a deck key by key. A bad value becomes a problem and leaves the default standing, so that one pass
/// reports everything that is wrong.

#include <rossby/core/deck.hpp>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

class DeckBlock {
public:
  DeckBlock(DeckNode node, Problems& problems) : node_(std::move(node)), problems_(problems) {}

  DeckNode const& node() const { return node_; }
  Problems& problems() const { return problems_; }
  std::string path(std::string const& key) const
  {
    if (node_.is_map())
      return node_[key].path();
    return node_.path().empty() ? key : node_.path() + "." + key;
  }
  DeckBlock block(std::string const& key) const { return {child(key), problems_}; }
  bool has(std::string const& key) const { return child(key).exists(); }

  /// The entry, or a missing one where this place is not a block (which is a problem, reported once).
  DeckNode child(std::string const& key) const
  {
    if (node_.exists() && !node_.is_map()) {
      attempt([&] { (void)node_["-"]; });
      return DeckNode();
    }
    return node_[key];
  }

  /// Reads `key` into `value` if it is there. Returns whether it was there and good.
  template <class T> bool operator()(std::string const& key, T& value) const
  {
    auto const entry = child(key);
    return entry.exists() && attempt([&] { value = entry.template as<T>(); });
  }
  /// The same for a key that has no default.
  template <class T> bool require(std::string const& key, T& value, std::string const& fix = "add it to the deck") const
  {
    if (!has(key)) {
      problems_.error(path(key), "is missing", fix);
      return false;
    }
    return (*this)(key, value);
  }
  /// A number that must lie in [low, high].
  template <class T> bool in_range(std::string const& key, T& value, T low, T high, std::string const& range) const
  {
    T candidate = value;
    if (!(*this)(key, candidate))
      return false;
    if (!(candidate >= low && candidate <= high)) {
      attempt([&] { child(key).reject("is out of range", "give " + range); });
      return false;
    }
    value = candidate;
    return true;
  }
  /// One of a few words.
  template <class E>
  bool choice(std::string const& key, E& value, std::vector<std::pair<std::string, E>> const& choices) const
  {
    std::string word;
    if (!(*this)(key, word))
      return false;
    std::vector<std::string> names;
    for (auto const& [name, meaning] : choices) {
      if (name == word) {
        value = meaning;
        return true;
      }
      names.push_back(name);
    }
    refuse_word(key, word, names);
    return false;
  }
  /// Warns of a key that is accepted and has no effect.
  void ignore(std::string const& key, std::string const& why) const
  {
    auto const entry = child(key);
    if (!entry.exists())
      return;
    entry.mark_read();
    problems_.warning(entry.path(), "is ignored: " + why);
  }
  /// Refuses a key by name.
  void refuse(std::string const& key, std::string const& why, std::string const& fix) const
  {
    auto const entry = child(key);
    if (!entry.exists())
      return;
    entry.mark_read();
    problems_.error(entry.path(), why, fix);
  }
  /// Runs `f`; an Error becomes a problem. Returns whether there was none.
  template <class F> bool attempt(F&& f) const
  {
    try {
      f();
      return true;
    } catch (Error const& e) {
      for (auto const& known : problems_.errors())
        if (known.where() == e.where() && known.problem() == e.problem())
          return false;
      problems_.add(e);
      return false;
    }
  }

private:
  void refuse_word(std::string const& key, std::string const& word, std::vector<std::string> const& known) const;

  DeckNode node_;
  Problems& problems_;
};

} // namespace rossby
