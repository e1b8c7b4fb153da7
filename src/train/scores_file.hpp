#pragma once
/// \file
/// Private to src/train: the files that scores are written to.

#include <rossby/forecast.hpp>

#include <string>
#include <vector>

namespace rossby {

/// "variable,level,lead_hours,method,forecasts,rmse,acc,bias,mae,damping"; level is empty for 2-D variables.
void write_scores_csv(std::string const& file, std::vector<Score> const&);
/// <metric>_<variable>(lead, method[, level]) for rmse, acc, bias and mae.
void write_scores_netcdf(std::string const& file, std::vector<Score> const&);

} // namespace rossby
