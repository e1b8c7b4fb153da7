#pragma once
/// \file
/// Private to src/train: what a run has besides weights, from a checkpoint of any format. After
/// PartReader::read_weights(), which finds the names.

#include "part_in_file.hpp"

#include "optim/adamw.hpp"
#include "optim/ema.hpp"

namespace rossby {

/// AdamW's state of the parameters for which the file has one.
void read_moments(PartReader&, ArraySource const&, Exec const&, Parameters const&, AdamW&);
/// Averages; those that the file lacks begin as the weights.
void read_averages(PartReader&, ArraySource const&, Exec const&, Parameters const&, Ema&);

} // namespace rossby
