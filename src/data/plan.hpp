#pragma once
/// \file
/// What a deck says about data.

#include "data/config.hpp"
#include "data/transform.hpp"
#include <rossby/data/grid.hpp>
#include <rossby/data/schema.hpp>

#include <map>
#include <memory>
#include <string>

namespace rossby {

class FieldSource;        // rossby/fields.hpp
class Regridding;         // src/data/regridding.hpp
class LevelInterpolation; // src/data/level_interpolation.hpp

/// All that the deck says about data, for one use.
struct DataPlan {
  enum class Use {
    training,
    validation, ///< `validation_data`
    forecast,   ///< `data` with what `inference` replaces
    geometry    ///< training, without the transforms: before the scalers are fitted
  };
  DataConfig config;
  ChannelSchema schema;
  Grid grid;
  Transforms transforms;
  std::shared_ptr<FieldSource> own; ///< asked before the files; null: files alone
  /// `regrid` preblocks, by key of variable: those that files have on another grid.
  std::map<std::string, std::shared_ptr<Regridding const>> regridded;
  /// `hybrid_level_interp` preblocks, by key of variable: those that files have on other levels.
  std::map<std::string, std::shared_ptr<LevelInterpolation const>> interpolated;

  enum class Probe {
    none,
    ends ///< looks for every variable at the first and the last time of the clock
  };
  /// Opens files, checks variables, grid and channel counts against the model and collects every problem.
  static DataPlan make(Deck const&, Use, FieldShape const&, Problems&, std::shared_ptr<FieldSource> own = nullptr,
                       Probe = Probe::ends);
};

} // namespace rossby
