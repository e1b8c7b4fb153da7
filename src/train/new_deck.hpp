#pragma once
/// \file
/// A run deck for data that nobody has described yet.

#include <string>
#include <vector>

namespace rossby {

struct NewDeckOptions {
  std::vector<std::string> data; ///< files, Zarr stores, folders of them, or patterns of names
  std::string save_loc = "runs/new";
  int ranks = 1;
  /// Variables whose kind the rules get wrong, by name.
  std::vector<std::string> prognostic, diagnostic, forcing, left_out;
};

struct NewDeck {
  std::string text;               ///< YAML; `rossby check` finds nothing wrong with it
  std::vector<std::string> notes; ///< what was found and decided, and by which rule
};

/// Looks at the coordinates of all files and at the values of a few times of each field.
/// \throws Error where no deck can be made of them, saying why.
NewDeck make_new_deck(NewDeckOptions const&);

} // namespace rossby
