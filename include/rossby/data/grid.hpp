#pragma once
/// \file
/// The horizontal grid of the data as the model sees it: row 0 northernmost, column 0 at the deck's first longitude.

#include <rossby/core/kokkos_compat.hpp>

#include <string>
#include <vector>

namespace rossby {

struct DataConfig;

struct Grid {
  std::vector<double> latitude, longitude; ///< degrees; latitude falls, longitude rises (may pass 360)

  /// How the file that gave the grid lies against it: its rows run from south to north; its column (c + rolled) modulo
  /// width is the grid's column c.
  bool turned = false;
  index_t rolled = 0;

  index_t height() const { return static_cast<index_t>(latitude.size()); }
  index_t width() const { return static_cast<index_t>(longitude.size()); }

  /// True when the columns go round a whole circle of latitude.
  bool is_global() const;
  /// For people: size, extent, pole rows, and how the files lie against it.
  std::string describe() const;
  /// The columns between which the spacing jumps, "10E and 350E", or "": neighbours in the model that are none on the
  /// globe.
  std::string seam() const;

  /// From the first file of the first local source that has coordinates.
  static Grid read(DataConfig const&);
};

} // namespace rossby
