#pragma once
/// \file
/// Made-up files in the layout that a deck asks for, to try it where its data are not.

#include <rossby/core/kokkos_compat.hpp>
#include <rossby/data/config.hpp>
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
  };
  struct File {
    std::map<std::string, Variable> variables;
    std::set<Time> times; ///< empty: without a time axis
    std::string level_coord = "level", time_coord = "time";
    std::vector<double> levels;
  };
  std::map<std::string, File> files;                       ///< by path
  std::map<std::string, std::vector<std::string>> levels;  ///< statistics: by path the variables with levels, and
  std::map<std::string, std::vector<std::string>> scalars; ///< without
  index_t height = 0, width = 0, n_levels = 0;

  /// All ticks of the clock of `config`, and `more` times (forecasts), for each group of variables; of these at most
  /// `records` in a file, where that is not 0.
  void add(DataConfig const& config, std::vector<Time> const& more, index_t records);
  /// A file of means or standard deviations of everything that varies in time.
  void add_statistics(std::string const& path, DataConfig const& config);
  /// A file that must have latitudes and longitudes.
  void add_coordinates(std::string const& path);
  double bytes() const;
};

/// Writes what is not there yet; returns the paths written. Values lie between 8 and 12 (static fields: 0 and 1) and
/// vary smoothly in space and time; means are 10, deviations 1.
std::vector<std::string> write_made_up(MadeUpPlan const&);

} // namespace rossby
