#pragma once
/// \file
/// Private to src/data: coefficients of hybrid levels, p = a + b p_s, as decks name them.

#include <rossby/core/deck.hpp>

#include <string>
#include <vector>

namespace rossby {

struct LevelCoefficients {
  std::vector<double> a, b; ///< Pa; without unit
};

/// Vertical coordinates of a file. One variable of two rows holds both. Where there is no file of the name that
/// CREDIT's package has for ERA5's levels, these are known. \throws Error.
LevelCoefficients read_coefficients(DeckNode const& file_key, std::string const& file, std::string const& a_name,
                                    std::string const& b_name);
/// Of a 1-based list of levels, the coefficients; of an empty one all.
LevelCoefficients chosen(LevelCoefficients const& all, std::vector<int> const& levels, DeckNode const& where);
/// By rising pressure; returns whether that turned them round.
bool sort_by_pressure(LevelCoefficients&, std::string const& file);

/// What `hybrid_level_interp` interpolates between, before the model and after it.
struct LevelChange {
  LevelCoefficients from;      ///< rising pressure
  bool reversed = false;       ///< the data begin at the ground
  LevelCoefficients to;        ///< in any order
  std::vector<double> numbers; ///< of the levels of `to`, 1-based
};
LevelChange read_level_change(DeckNode const& args);

} // namespace rossby
