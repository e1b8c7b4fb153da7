#pragma once
/// \file
/// Made-up files in the layout that a deck asks for, to try it where its data are not.

#include "data/config.hpp"
#include <rossby/core/deck.hpp>
#include <rossby/core/kokkos_compat.hpp>
#include <rossby/models/field_shape.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace rossby {

/// Which files are wanted, and what in them.
struct MadeUpPlan {
  struct Variable {
    bool with_levels = false, with_time = true;
    enum class Values { waves, latitude, longitude } values = Values::waves;
  };
  struct File {
    std::map<std::string, Variable> variables;
    std::map<std::string, std::vector<double>> lists; ///< of one dimension each: coefficients of levels
    std::set<Time> times;                             ///< empty: without a time axis
    std::string level_coord = "level", time_coord = "time";
    std::vector<double> levels;
  };
  std::map<std::string, File> files;                       ///< by path
  std::map<std::string, std::vector<std::string>> levels;  ///< statistics: by path the variables with levels, and
  std::map<std::string, std::vector<std::string>> scalars; ///< without
  std::map<std::string, std::string> texts;                ///< text files, by path
  index_t height = 0, width = 0, n_levels = 0;

  /// All ticks of the clock of `config` for each group of variables (at most `records` in a file, where that is not 0),
  /// and `more` times: those of forecasts.
  void add(DataConfig const& config, std::vector<Time> const& more, index_t records);
  /// A file of means or standard deviations of everything that varies in time.
  void add_statistics(std::string const& path, DataConfig const& config);
  /// Mean fields of everything that is predicted.
  void add_climatology(std::string const& path, DataConfig const& config);
  /// Files that preblocks or postblocks name, but for scalers: statistics, areas and coefficients of levels.
  void add_blocks(DeckNode const& phases, DataConfig const& config);
  /// A file that must have latitudes and longitudes.
  void add_coordinates(std::string const& path);
  double bytes() const;

private:
  void add_physics(DeckNode const& args);
  void add_levels(DeckNode const& args, std::string const& side);
};

/// Writes what is not there yet; returns the paths written. Values lie between 8 and 12 (static fields: 0 and 1) and
/// vary smoothly in space and time; means are 10, deviations 1.
std::vector<std::string> write_made_up(MadeUpPlan const&);

} // namespace rossby
