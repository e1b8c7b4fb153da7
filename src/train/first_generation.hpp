#pragma once
/// \file
/// First-generation decks of CREDIT (flat `data:`, `trainer.mode`, `predict:`) as second-generation ones. Every command
/// reads decks through load_deck() (rossby/session.hpp), which translates; messages name the keys that the user wrote.

#include "data/survey.hpp"
#include <rossby/core/deck.hpp>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rossby {

/// What a translation asks of files: which times they hold, and which variables. One rank looks and keeps a record; the
/// others are told. Errors of looking are part of the record.
class FileLook {
public:
  /// Answers nothing: for commands that need no data, or where files are elsewhere.
  static FileLook nothing();
  static FileLook into_files();
  static FileLook replay(std::string const& record);

  /// An empty survey where nothing matches.
  Survey survey(std::string const& pattern, std::set<int> const& years, std::string const& variable_3d,
                std::string const& deck_key);
  /// The variables of a file; nothing where it isn't there.
  std::optional<std::vector<std::string>> variables(std::string const& file);
  std::string record() const;

private:
  template <class F> std::string answer(std::string const& question, F&& look);

  enum class Way { nothing, files, replay } way_ = Way::nothing;
  std::vector<std::pair<std::string, std::string>> answers_; ///< to questions
};

bool is_first_generation(Deck const&);

struct Translation {
  Deck deck;        ///< knows what was found (Deck::report_translation())
  std::string text; ///< YAML with comments that tell what was changed, and why
};

/// Never fails: what can't be translated is refused by whoever reads its place, and by Deck::check_all_read().
Translation to_second_generation(Deck const&, FileLook&);

/// The deck itself or, where it needs one, its translation: from the first generation, or from older spellings of the
/// second.
Deck current_form(Deck const&, FileLook&);

} // namespace rossby
