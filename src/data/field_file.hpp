#pragma once
/// \file
/// Private to src/data: one open file of fields, its axes, and boxes read from it the way the model sees the sphere.

#include <rossby/data/grid.hpp>
#include <rossby/dist/tiling.hpp>
#include <rossby/io/array_reader.hpp>

#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// How a file's horizontal axes lie against the model's: rows north first, columns from the first longitude.
struct Orientation {
  Grid grid;         ///< as the model sees it
  bool flip = false; ///< the file runs south to north
  index_t shift = 0; ///< model column c is file column (c + shift) mod width
};

class FieldFile {
public:
  FieldFile(std::string const& path, SourceConfig const&);

  std::string const& path() const { return reader_.file(); }
  bool has(std::string const& variable) const { return reader_.has(variable); }
  /// The file's times, rising; empty without a time axis.
  std::vector<Time> const& times() const { return times_; }
  /// Coordinate values of a variable's levels: 0, 1, 2 ... when the file has none.
  std::vector<double> levels(std::string const& variable) const;
  /// The axes of a variable. A variable without coordinates has an empty grid.
  Orientation const& orientation(std::string const& variable);
  /// Size of a variable's horizontal axes.
  std::pair<index_t, index_t> horizontal_shape(std::string const& variable) const;

  /// Adds to `out` the values of each level (an index list; one entry for a 2-D variable) over `box`, row-major.
  /// `time` is an index of times(), ignored where the variable has no time axis.
  void read(std::string const& variable, index_t time, std::vector<index_t> const& levels, Box const& box,
            std::vector<double>& out);
  bool has_time(std::string const& variable) const { return layout(variable).time >= 0; }

private:
  struct Layout {
    int time = -1, level = -1, row = -1, col = -1;
    std::vector<int> single; ///< further axes of length one
  };
  Layout layout(std::string const& variable) const;
  struct Axis;
  /// True when a dimension is called like the axis, or has a coordinate that is.
  bool lies_along(std::string const& dimension, Axis const&) const;
  /// Name of the one-dimensional variable that holds an axis' coordinate along a dimension, or "". Found by what it
  /// is, not by the dimension's name: in plain HDF5 files dimensions have no names.
  std::string coordinate_of(std::string const& dimension, Axis const&) const;
  void read_times();
  /// Name of the one-dimensional variable that holds a dimension's coordinate, or "".
  std::string coordinate_of(std::string const& dimension, std::string const& preferred) const;

  io::ArrayReader reader_;
  SourceConfig const* source_;
  std::string time_dimension_;
  std::vector<Time> times_;
  std::vector<std::pair<std::pair<std::string, std::string>, Orientation>> orientations_; ///< by names of the axes
};

} // namespace rossby
