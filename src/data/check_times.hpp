#pragma once
/// \file
/// For `rossby check`: does every file hold every time that a run will ask for?

#include "data/plan.hpp"

#include <vector>

namespace rossby {

/// Times that a run reads: of the state and of dynamic forcing for its input, and of the truth.
struct TimesWanted {
  std::vector<Time> state, forcing, truth;

  /// Every tick of the clock: training and validation.
  static TimesWanted of_clock(DataConfig const&);
  /// Forecasts of so many steps: the frames of each initial time, and forcing until the last step.
  static TimesWanted of_forecasts(DataConfig const&, std::vector<Time> const& initial, int steps);
};

/// Reads the time axes of all files concerned, and of every variable one cell at the first and at the last of its times
/// that are there: what names, dimensions, levels, grids, filters and locks stand in the way is found. One problem for
/// each group of variables whose times are missing, with where they are missing.
void check_times(DataPlan const&, TimesWanted const&, Problems&);

} // namespace rossby
