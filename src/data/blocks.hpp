#pragma once
/// \file
/// Private to src/data: the deck's preblocks and postblocks, parsed.

#include "coupled_blocks.hpp"

#include "data/scaler.hpp"
#include "data/transform.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// One preblock or postblock and the variables it covers.
struct PrePostBlock {
  enum class Type {
    scaler,     ///< bridgescaler file
    normalizer, ///< mean and std netCDF files
    step        ///< a step that depends on nothing but the deck
  } type = Type::step;
  std::string deck_key;
  bool initial_only = false;              ///< phase ic_only
  bool on_input = true, on_target = true; ///< data_types
  bool inverse = false;
  std::vector<std::string> keys;         ///< covered variables
  std::vector<std::string> spatial_keys; ///< those with one mean and variance per cell
  bool present_only = false;             ///< all variables that the scaler file has
  TransformStep step;
  std::map<std::string, TransformStep> steps; ///< by variable, in place of `step` (tracer_fixer)
  std::string scaler_path, mean_path, std_path;
  std::optional<Scaler::Kind> scaler_kind;     ///< nothing: what the file holds; fitted as standard
  std::vector<int> levels;                     ///< 1-based levels of mean and std files
  std::shared_ptr<CoupledBlock const> coupled; ///< in place of all that
  std::vector<TransformChain> on_output;       ///< by output channel, of the model's own output; in place of all that
  bool flatten = false;                        ///< what a flat loss compares is made here

  bool covers(std::string const& key) const;
  bool spatial(std::string const& key) const;
};

std::vector<PrePostBlock> read_preblocks(DeckNode const&, ChannelSchema const&, Problems&);
/// Blocks that act on the model's output; those of the target twin are left out. Fields that blocks add go to
/// `fields.derived`.
std::vector<PrePostBlock> read_postblocks(DeckNode const&, BlockFields& fields, Problems&);

/// Scaler files, each read once.
class ScalerCache {
public:
  ScalerFile const& file(std::string const& path);
  /// From CREDIT's files of means and standard deviations; nothing when the variable is in neither.
  std::optional<Scaler> from_netcdf(PrePostBlock const&, SchemaEntry const&);

private:
  std::map<std::string, ScalerFile> files_;
};

/// Which slice of a scaler file a chain uses.
enum class Slice { input, target };

/// The chains of an entry's levels through `count` blocks from the first. `initial`: blocks of phase ic_only too.
std::vector<TransformChain> chains_of(std::vector<PrePostBlock> const&, std::size_t count, SchemaEntry const&, Slice,
                                      bool initial, index_t cells, ScalerCache&);

} // namespace rossby
