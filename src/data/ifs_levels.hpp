#pragma once
/// \file
/// Private to src/data: the 137 levels of ECMWF's model, which ERA5 is on.

#include <vector>

namespace rossby {

/// Pressure at the interfaces of levels is a + b p_s, a in Pa; from the top down, one more than levels. Values are
/// those of ECMWF's "L137 model level definitions".
std::vector<double> const& ifs_137_a();
std::vector<double> const& ifs_137_b();

} // namespace rossby
