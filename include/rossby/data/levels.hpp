#pragma once
/// \file
/// Levels by their coordinate.

#include <rossby/core/kokkos_compat.hpp>

#include <limits>
#include <string>
#include <vector>

namespace rossby {

/// How far from a wanted level the nearest may lie: relative, and absolute below 1.
constexpr double any_distance = std::numeric_limits<double>::infinity(), same_level = 1e-3;

/// Positions in `levels` of those nearest to the wanted ones, in the order of these.
/// \throws Error (`where`, with `fix`) when there is none within `distance`, or when two wanted ones get the same.
std::vector<index_t> nearest_levels(std::vector<double> const& levels, std::vector<double> const& wanted,
                                    double distance, std::string const& where, std::string const& fix);

} // namespace rossby
