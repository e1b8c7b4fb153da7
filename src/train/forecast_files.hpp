#pragma once
/// \file
/// The files that a forecast is written to.

#include "train/config.hpp"

#include <string>
#include <vector>

namespace rossby {

/// One file of a forecast and the model steps (from 1) whose states it holds, in order.
struct ForecastFile {
  std::string path;
  std::vector<int> steps;
};

/// Model steps of a forecast. \throws Error when the length is not a multiple of the time step.
int forecast_steps(InferenceConfig const&, Duration timestep);
/// <save_forecast>/YYYYMMDD_HHMMZ/ with one file for each step, day, month, year, or for all ("full.nc").
std::vector<ForecastFile> forecast_files(InferenceConfig const&, Time initial, Duration timestep);

} // namespace rossby
