#pragma once
/// \file
/// Private to src/train: what files say of fields that postblocks compute.

#include "data/plan.hpp"

#include <functional>
#include <map>
#include <string>

namespace rossby {

/// CF attributes of an entry of Transforms::derived. `of_source` gives those of the variable that an interpolated one
/// is made of.
std::map<std::string, std::string>
computed_attributes(DataPlan const&, SchemaEntry const&,
                    std::function<std::map<std::string, std::string>(SchemaEntry const&)> const& of_source);

} // namespace rossby
