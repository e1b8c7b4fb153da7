#pragma once
/// \file
/// Private to src/data: one open file of fields, its times and axes, and boxes read from it the way the model sees the
/// sphere.

#include "file_axes.hpp"
#include "orientation.hpp"

#include "io/array_reader.hpp"
#include <rossby/dist/tiling.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

class FieldFile {
public:
  FieldFile(io::ArrayReader, SourceConfig const&);
  FieldFile(std::string const& path, SourceConfig const& source) : FieldFile(io::ArrayReader(path), source) {}
  FieldFile(FieldFile const&) = delete;
  FieldFile& operator=(FieldFile const&) = delete;

  std::string const& path() const { return reader_.file(); }
  bool has(std::string const& variable) const { return reader_.has(variable); }
  /// The file's times in the run's calendar, rising; empty without a time axis. Stamps that the run's calendar does not
  /// have (29 February) are left out.
  std::vector<Time> const& times() const { return times_; }
  /// A variable's levels.
  LevelAxis const& levels(std::string const& variable);
  bool has_dimension(std::string const& name) const { return reader_.dimension(name).has_value(); }
  /// How a variable lies. Its grid has no latitudes or no longitudes where the file has none for it.
  Orientation const& orientation(std::string const& variable);
  /// True when the variable has a value for each of times().
  bool has_time(std::string const& variable) { return roles(variable).time >= 0 || axes_.has_scalar_time(); }
  /// Records along a variable's time axis; 1 without one.
  index_t records(std::string const& variable);

  /// Adds to `out` the values of each level (an index list; one entry for a 2-D variable) over `box` of the model's
  /// grid, row-major. `time` is an index of times(), ignored where the variable has no time axis.
  void read(std::string const& variable, index_t time, std::vector<index_t> const& levels, Box const& box,
            Orientation const&, std::vector<double>& out);
  /// Which attributes make values of that box missing, for a message.
  std::string why_missing(std::string const& variable, index_t time, std::vector<index_t> const& levels, Box const& box,
                          Orientation const&);

private:
  Roles const& roles(std::string const& variable);
  void read_times();
  /// Columns and levels that are neighbours in the file, piece by piece.
  struct Piece {
    Shape start, count;
    std::size_t first_level = 0, levels = 1;
    index_t col = 0, cols = 0; ///< of the model's grid
  };
  std::vector<Piece> pieces(std::string const& variable, index_t time, std::vector<index_t> const& levels,
                            Box const& box, Orientation const&);

  io::ArrayReader reader_;
  SourceConfig const* source_;
  FileAxes axes_;
  std::vector<Time> times_;
  std::vector<index_t> records_; ///< where along the time axis each of times_ is
  std::map<std::string, Roles> roles_;
  std::map<std::string, LevelAxis> levels_;
  std::map<std::pair<std::string, std::string>, Orientation> orientations_; ///< by names of the axes
};

} // namespace rossby
