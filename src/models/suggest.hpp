#pragma once
/// \file
/// A model to begin with, for fields of any shape.

#include <rossby/models/field_shape.hpp>

#include <string>

namespace rossby {

/// A `model:` block, as YAML, whose padding, windows and widths fit the fields: the smallest padding after which every
/// window divides its grid, and a size that goes with the number of cells. `global`: columns go round a whole circle of
/// latitude.
std::string suggest_model(FieldShape const&, bool global);

} // namespace rossby
