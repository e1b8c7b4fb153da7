#pragma once
/// \file
/// The horizontal grid of the data as the model sees it: row 0 northernmost, column 0 at the deck's first longitude.

#include <rossby/core/kokkos_compat.hpp>
#include <rossby/data/config.hpp>

#include <string>
#include <vector>

namespace rossby {

struct Grid {
  std::vector<double> latitude, longitude; ///< degrees; latitude falls, longitude rises (may pass 360)

  index_t height() const { return static_cast<index_t>(latitude.size()); }
  index_t width() const { return static_cast<index_t>(longitude.size()); }

  /// From the first file of the first local source that has coordinates.
  static Grid read(DataConfig const&);
};

} // namespace rossby
