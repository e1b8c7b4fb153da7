#pragma once
/// \file
/// CF's attributes of the variables of common data sets, for the attributes of forecasts: decks name these tables by a
/// bare file name, as CREDIT's package has them.

#include <optional>
#include <string>

namespace rossby {

/// CF's attributes of a variable; an empty one is not given.
struct CfAttributes {
  std::string standard_name, long_name, units;
};

/// "era5.yaml" and "cam.yaml" (for every other name a file is meant).
bool is_attribute_table(std::string const& metadata);
/// The variable in that table, by its short name.
std::optional<CfAttributes> find_attributes(std::string const& metadata, std::string const& variable);

} // namespace rossby
