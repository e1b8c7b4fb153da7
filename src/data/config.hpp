#pragma once
/// \file
/// The `data:` and `validation_data:` blocks of a deck.

#include <rossby/core/deck.hpp>
#include <rossby/data/schema.hpp>
#include <rossby/data/time.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

/// Variables of one field type that live in the same files.
struct FieldGroup {
  FieldType type = FieldType::prognostic;
  std::vector<std::string> vars_3d, vars_2d;
  std::string path;     ///< file name template with strftime codes and globs
  std::string deck_key; ///< for messages: "data.source.ERA5.variables.prognostic"
  /// Rossby's own key `orientation`: how fields without coordinates lie. Unknown: they are refused where the fields
  /// with coordinates had to be turned or rolled.
  enum class Orientation {
    unknown,
    like_others, ///< in the file as the fields with coordinates lie in theirs
    like_model   ///< rows from the north, columns from `first_longitude`
  } orientation = Orientation::unknown;
};

enum class TemporalMode {
  exact,   ///< the time must be in the file
  persist, ///< the last time in the files not later than the wanted one
  cyclic   ///< the files hold one year (`cycle_year`), used for every year; the last time in it not later than wanted
};

/// The solar source (`dataset_type: tisr`): incoming radiation at the top of the atmosphere, computed.
struct SolarConfig {
  int integration_steps = 360;
  /// Rossby's own key: one channel for each offset, in units of the time step, relative to the state's time. [0, 1]
  /// gives the radiation of the window that ends at the state's time and of the one that ends at the target's.
  std::vector<int> offsets{0};
  std::string irradiance_path; ///< `tsi_path`: text, two columns: year and W m-2; empty: 1361 W m-2 always
  /// From `lat_spec` and `lon_spec`: compared with the grid of the other sources, which is the one used.
  std::vector<double> latitude, longitude;
};

struct SourceConfig {
  std::string name;
  enum class Kind { local, solar } kind = Kind::local;
  std::vector<FieldGroup> groups; ///< in the order prognostic, static, dynamic_forcing, diagnostic
  std::string level_coord = "level", time_coord = "time";
  std::optional<std::vector<double>> levels; ///< nothing: all levels in the file
  TemporalMode temporal_mode = TemporalMode::exact;
  int cycle_year = 0;
  std::optional<Calendar> calendar; ///< in place of what the files' time coordinates say
  /// Rossby's own key: the place along dimensions that are not time, level, latitude or longitude (members, steps,
  /// soil layers), by name: a value of the dimension's coordinate, or a position from 0 where it has none.
  std::map<std::string, double> select;
  /// Rossby's own key `level_match`: exactly (up to rounding), or the nearest, which is said.
  bool nearest_levels = false;
  /// Rossby's own key: the unit of `levels` (Pa, hPa, m ...); empty: found by what the files have.
  std::string level_units;
  /// Rossby's own key `repeated_meridian: drop`: the last column of a file is left out where it is the first again.
  bool drop_repeated_meridian = false;
  /// Rossby's own key: the longitude (degrees) of the first column that the model sees. Files of a whole latitude
  /// circle are rolled to it; regional files are left as they are.
  double first_longitude = 0;
  SolarConfig solar;
  std::string deck_key;
  /// How far the stamp of a record may lie from the time that is asked for, seconds: less than half a step.
  Duration time_tolerance = 0;
  Calendar clock = Calendar::standard; ///< the run's
};

struct DataConfig {
  std::vector<SourceConfig> sources;         ///< in deck order, which is the channel order
  std::vector<std::pair<Time, Time>> ranges; ///< inclusive ends of the clock
  Duration timestep = 0;
  int history_len = 1;                            ///< input frames
  int forecast_len = 1;                           ///< autoregressive steps per sample, from 1
  std::vector<int> backprop_on_timestep;          ///< 1-based; empty: all
  std::optional<std::pair<double, double>> clamp; ///< on normalised input and output
  std::string deck_key;
  Calendar calendar = Calendar::standard; ///< of the clock and of all times of the run

  /// Forecasts have their times from elsewhere.
  enum class Dates { required, optional };
  /// Reads `data` or what is like it: `validation_data` and `inference.data`, which take from `training` what they
  /// don't say (with a warning, but for the sources), dates excepted. Files
  /// are looked into for their calendar only, and any problem with them is left to who reads them.
  static DataConfig read(DeckNode const&, Problems&, DataConfig const* training = nullptr, Dates = Dates::required);

  /// Initial times of all samples, range by range: start + (history-1) steps ... end - forecast_len steps.
  std::vector<Time> initial_times() const;
  /// Every tick of the clock, range by range.
  std::vector<Time> clock() const;
};

} // namespace rossby
