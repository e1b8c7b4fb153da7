#pragma once
/// \file
/// Scores of forecasts against data, beside persistence, climatology and the damped anomaly.

#include <rossby/train/session.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace rossby {

struct VerifyOptions {
  std::string output; ///< folder of scores.csv and scores.nc; "": the run folder
};

/// What is scored: the forecast and what it has to beat.
enum class Method { forecast, persistence, climatology, damped_anomaly };
constexpr std::array<char const*, 4> method_names{"forecast", "persistence", "climatology", "damped_anomaly"};

/// One variable, level, lead time and method, over all forecasts that have a truth. With e = forecast - truth, w the
/// latitude weights of mean 1 and a' the deviation of a from climatology (of the training years by month, or the file
/// that the deck's acc metric names):
///   rmse = sqrt(mean w e^2), mae = mean w |e|, bias = mean w e over cells and forecasts;
///   acc = the mean over forecasts of the weighted correlation over cells of f' and o' about their means (NaN for
///   climatology against itself).
struct Score {
  std::string variable, key;
  double level = 0;
  bool is_3d = false;
  double lead_hours = 0;
  Method method = Method::forecast;
  std::int64_t forecasts = 0;
  double rmse = 0, acc = 0, bias = 0, mae = 0;
  double damping = 0; ///< of the damped anomaly at this lead
};

struct VerifyResult {
  std::vector<Score> scores;
  std::size_t forecasts = 0, without_truth = 0; ///< pairs of forecast and lead
  std::string csv, netcdf;
  /// RMSE by variable, level and lead, the best of each row marked.
  std::string table() const;
};

/// Scores the forecasts of the session's deck (Purpose::verify). Every rank scores a band of latitudes. Collective;
/// rank 0 writes.
VerifyResult verify(Session&, VerifyOptions const&);

} // namespace rossby
