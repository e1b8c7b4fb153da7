#pragma once
/// \file
/// Private to src/data: variables whose files have other hybrid levels than the model, brought to the model's as they
/// are read (`hybrid_level_interp` before the model).

#include "hybrid_levels.hpp"

#include <rossby/data/schema.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

class LevelInterpolation {
public:
  LevelInterpolation(LevelChange change, SchemaEntry variable, SchemaEntry surface, std::string surface_key)
      : in_files(std::move(variable)), pressure(std::move(surface)), pressure_key(std::move(surface_key)),
        change_(std::move(change))
  {
  }
  SchemaEntry const in_files;     ///< the variable with the levels that its files have
  SchemaEntry const pressure;     ///< the surface pressure that gives both sets of levels their pressures
  std::string const pressure_key; ///< of the deck, for messages

  /// [levels in files][cells] to [levels of the model][cells], in place: linear in ln p, end values held. Surface
  /// pressures are above zero, one for each cell.
  void apply(std::vector<double> const& surface_pressure, std::vector<double>& values) const;

private:
  LevelChange change_;
};

using LevelInterpolations = std::map<std::string, std::shared_ptr<LevelInterpolation const>>;

/// The `hybrid_level_interp` preblocks of a deck, by key of variable. From then on `schema` has the levels of the
/// model.
LevelInterpolations read_level_interpolations(DeckNode const& preblocks, ChannelSchema& schema, Problems&);

} // namespace rossby
