#pragma once
/// \file
/// Private to src/data: what each dimension of a variable of a file is.

#include "data/config.hpp"
#include "data/levels.hpp"
#include "io/array_reader.hpp"

#include <map>
#include <string>
#include <vector>

namespace rossby {

/// Dimensions of one variable by what they are, -1: it has none such; and the place along every other one.
struct Roles {
  int time = -1, level = -1, row = -1, col = -1;
  Shape place; ///< for each dimension the index that is read, where it is not one of the above: 0 where it has length 1
};

class FileAxes {
public:
  FileAxes(io::ArrayReader const&, SourceConfig const&);

  /// \throws Error that names the dimension and the key that would choose among its places.
  Roles roles_of(std::string const& variable) const;
  /// Name of the time coordinate, or "".
  std::string const& time() const { return time_; }
  /// True when the file has one time, which is no dimension.
  bool has_scalar_time() const { return scalar_time_; }
  /// Names of the one-dimensional coordinates along a dimension, or "".
  std::string latitude_along(std::string const& dimension) const;
  std::string longitude_along(std::string const& dimension) const;
  /// The coordinate along a variable's level dimension.
  LevelAxis levels_of(std::string const& variable, Roles const&) const;
  /// True when a two-dimensional variable of latitudes or longitudes lies over these dimensions.
  bool is_curvilinear(std::string const& row_dimension, std::string const& col_dimension) const;

private:
  struct Axis;
  void find_time();
  /// Name of the one-dimensional variable that holds an axis' coordinate along a dimension, or "". Found by what it
  /// is, not by the dimension's name: in plain HDF5 files dimensions have no names.
  std::string coordinate_along(std::string const& dimension, Axis const&) const;
  bool lies_along(std::string const& dimension, Axis const&) const;
  bool is_level(std::string const& dimension) const;
  std::string level_coordinate_along(std::string const& dimension) const;
  index_t selected(std::string const& variable, std::string const& dimension, index_t length, double value) const;
  [[noreturn]] void refuse(std::string const& variable, std::string const& dimension, index_t length) const;

  io::ArrayReader const* reader_;
  SourceConfig const* source_;
  std::string time_, time_dimension_;
  bool scalar_time_ = false;
};

} // namespace rossby
