#pragma once
/// \file
/// Private to src/data: how a file's rows and columns lie against the model's.

#include <rossby/data/grid.hpp>

#include <string>
#include <vector>

namespace rossby {

/// How a file's horizontal axes lie against the model's: rows north first, columns from the first longitude. Axes
/// without coordinates are empty in `grid`, and lie in the file as they lie in the model until somebody says otherwise.
struct Orientation {
  Grid grid;          ///< as the model sees it
  bool flip = false;  ///< the file runs south to north
  index_t shift = 0;  ///< model column c is file column (c + shift) mod width
  index_t height = 0; ///< rows that are read
  index_t width = 0;  ///< columns that are read: one less than the file has where its last is the first again
};

/// Latitudes in degrees, in the file's order. \throws Error for what is not monotonic or not on the globe.
void orient_rows(std::vector<double> const& latitude, std::string const& where, Orientation&);
/// A whole circle is rolled so that column 0 is the first longitude at or east of `first`; regional columns stay.
/// A last column that repeats the first is left out with `drop_repeated`, and refused without.
void orient_columns(std::vector<double> longitude, double first, bool drop_repeated, std::string const& where,
                    Orientation&);

} // namespace rossby
