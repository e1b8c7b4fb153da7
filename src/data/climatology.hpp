#pragma once
/// \file
/// The mean state that anomalies are taken about, where a deck names a file for it.

#include "data/plan.hpp"

#include <string>
#include <vector>

namespace rossby {

/// Values by cell of `box` and output channel, [rows, columns, channel], in physical units.
///
/// The file holds a variable for each output variable, under its key or its short name: (latitude, longitude), and a
/// 3-D one (level, latitude, longitude), on the grid of the data in either order of rows and any roll of columns.
/// Levels are found by their coordinate; without one the file must have as many as the deck, in the deck's order.
/// \throws Error that names file and variable when something is missing, not finite or on another grid; `where` is the
/// deck key.
std::vector<float> read_climatology(std::string const& file, DataPlan const&, Box const& box, std::string const& where);

} // namespace rossby
