#pragma once
/// \file
/// Whole runs on a trained model: forecasts, their scores, and one forward pass on files. Steps of a forecast with
/// fields in one's own hands: rossby/rollout.hpp.

#include <rossby/session.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace rossby {

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

// One forward pass, and its gradients, on files: what people compare Rossby with other frameworks by.

struct ApplyOptions {
  std::string weights; ///< HDF5 with `/model/<name>`
  std::string input;   ///< HDF5 with `/input` (B, C, T, H, W) and, for gradients, `/target` and perhaps `/latitude`
  std::string output;  ///< written whole or not at all
  bool training = false;
  bool gradients = false; ///< needs a session of Purpose::gradients
};

/// Writes `/output` (B, C_out, T_out, H, W) and, with gradients, `/loss` and `/grad/<name>` of the deck's loss, in the
/// session's precision of parameters (Purpose::apply). The batch is split over data ranks and every sample into tiles,
/// and the files are the same on any mesh. Collective.
void apply(Session&, ApplyOptions const&);

} // namespace rossby
