#pragma once
/// \file
/// Private to src/train: what forecast files say about their variables.

#include "train/forecast_writer.hpp"

namespace rossby {

/// Sets the attributes of a variable and of its levels: those of the deck's metadata file, or else of the data file at
/// `time`; a standard name where short name and units leave no doubt.
void describe(ForecastVariable&, std::string const& metadata, SchemaEntry const&, Dataset&, Time time);

} // namespace rossby
