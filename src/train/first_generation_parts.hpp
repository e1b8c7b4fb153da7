#pragma once
// The parts of the translation of first-generation decks; private to src/train/first_generation*.cpp.

#include "core/deck_editor.hpp"
#include "train/first_generation.hpp"
#include <rossby/core/deck_block.hpp>

#include <string>
#include <vector>

namespace rossby::first_generation {

struct Work {
  Deck const& old;
  DeckEditor& out;
  Problems& problems;
  FileLook& look;
  std::vector<std::string> levels_of = {}, surface_of = {}; ///< names of outputs with levels, and without
  Duration timestep = 0;
  std::string mean_path = {}, std_path = {}; ///< empty where data come normalised
};

/// `data` into `data`, `validation_data` and `preblocks`.
void translate_data(Work&);
/// Its means and deviations, for variables that are scaled with them and others that never are.
void translate_statistics(Work&, std::vector<std::string> const& scaled, std::vector<std::string> const& unscaled);
void translate_model(Work&);
/// `model.post_conf` into `postblocks`; after translate_data().
void translate_post_conf(Work&);
void translate_trainer(Work&);
/// `loss`, and the metrics that the first generation always has.
void translate_loss(Work&);
/// `predict` into `inference`.
void translate_predict(Work&);

/// Second-generation decks: older names and places of keys. `out` begins as a copy of `old`.
void translate_older_spellings(Work&);

/// An error at the key that was written; whoever reads `place` of the new deck gets the same.
void refuse(Work&, std::string const& place, DeckNode const& written, std::string const& what, std::string const& fix);
/// The list of words at a key; empty where it is missing or null.
std::vector<std::string> words(Work&, DeckNode const&);

} // namespace rossby::first_generation
