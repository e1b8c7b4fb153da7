#pragma once
/// \file
/// Forecasts from many initial times, as netCDF files.

#include <rossby/train/session.hpp>

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

struct ForecastOptions {
  std::string checkpoint; ///< "": best_checkpoint.h5 of the run, or checkpoint.h5 where there is none
};

struct ForecastResult {
  std::size_t forecasts = 0;
  std::string folder, checkpoint;
  bool averages = false; ///< averaged weights were used
};

/// The forecasts of the session's deck (Purpose::forecast). Initial times are dealt to the data ranks in turn; the
/// ranks of a spatial group write a file together. Collective.
ForecastResult forecast(Session&, ForecastOptions const&);

/// Gives the session's model the weights of a checkpoint as a forecast would use them: "" finds the run's, and the
/// deck's inference.weights says whether averages are taken. Collective.
struct LoadedWeights {
  std::string checkpoint;
  bool averages = false;
};
LoadedWeights load_forecast_weights(Session&, std::string const& checkpoint);

} // namespace rossby
