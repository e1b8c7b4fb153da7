#pragma once
/// \file
/// Levels by the value of their coordinate, in one unit.

#include <rossby/core/kokkos_compat.hpp>
#include <rossby/data/schema.hpp>

#include <string>
#include <vector>

namespace rossby {

/// Pa, hPa, kPa, mbar, bar and their other names.
bool is_pressure(std::string const& units);

/// How wanted levels are compared with those of a file.
struct LevelRules {
  std::string units;    ///< of the wanted ones; empty: whatever unit makes them those of the file
  bool nearest = false; ///< take the nearest where a wanted level is not in the file
};

struct LevelMatch {
  std::vector<index_t> positions; ///< in the file, in the order of the wanted levels
  std::string units;              ///< of the wanted ones, as found
  std::string taken;              ///< what was taken instead of what was wanted, for a message; empty: exactly that
};

/// Positions of the wanted levels. Without a unit for them they are in the file's unit, or, where that has no such
/// levels and is a pressure or a length, in hPa, Pa, m or km. In a file in Pa they may be in Pa or in hPa: when both
/// fit and would take different levels, they are refused. Levels are the same up to rounding to 32 bits and to six
/// digits. \throws Error (`where`, with `fix`) that lists what there is, when there is no such level, or when two
/// wanted ones get the same.
LevelMatch match_levels(LevelAxis const&, std::vector<double> const& wanted, LevelRules const&,
                        std::string const& where, std::string const& fix);

} // namespace rossby
