#pragma once
/// \file
/// Private to src/data: the calendar of a run, as its sources have it.

#include "data/config.hpp"

#include <vector>

namespace rossby {

/// That of the sources' `calendar` keys, or of the time coordinate of the first file of each. Sources in a standard
/// calendar go along with those in another; climatologies (cyclic sources) with any. Files that can't be read say
/// nothing. \throws Error when sources have different ones that are not standard.
Calendar find_calendar(std::vector<SourceConfig> const&);

} // namespace rossby
