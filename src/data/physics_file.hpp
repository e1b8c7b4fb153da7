#pragma once
/// \file
/// Private to src/data: the files with areas, vertical coordinates and surface geopotential that conservation blocks
/// name.

#include "data/postblocks.hpp"
#include "io/array_reader.hpp"
#include <rossby/data/grid.hpp>

namespace rossby {

class PhysicsFile {
public:
  /// `longitude` and `latitude` name fields of both (degrees) or of one axis, which must be those of the grid in any
  /// order and rolled by any number of columns. \throws Error.
  PhysicsFile(std::string const& path, std::string const& longitude, std::string const& latitude, Grid const&);

  /// A field [latitude, longitude] by cell of the grid.
  std::vector<double> field(std::string const& name) const;
  /// The field at a position of the axis before latitude, where the variable has one.
  std::vector<double> field_at(std::string const& name, index_t position) const;
  /// A list of numbers.
  std::vector<double> list(std::string const& name) const;
  /// Areas by cell: |a^2 d(sin latitude) d(longitude)| with differences by index, centred inside and of second order at
  /// the edges, those of longitude brought into (-180, 180] degrees. Their sum is not quite the sphere's area.
  std::vector<double> areas() const;

private:
  std::vector<double> on_grid(std::vector<double> const& by_file_cell) const;

  io::ArrayReader reader_;
  std::vector<double> latitude_, longitude_; ///< [row * columns + column] of the file
  std::size_t rows_ = 0, columns_ = 0;
  std::vector<std::size_t> row_of_, column_of_; ///< of the file, by row and column of the grid
};

/// Level weights of the integral over pressure, from coefficients at interfaces (`midpoint`: one more than levels) or
/// at the levels themselves (trapezoidal rule).
std::vector<double> level_weights(std::vector<double> const& coefficients, bool midpoint);

} // namespace rossby
