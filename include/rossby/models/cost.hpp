#pragma once
/// \file
/// What a forward pass costs, counted from the configuration.

#include <rossby/core/kokkos_compat.hpp>
#include <rossby/models/config.hpp>

#include <string>
#include <vector>

namespace rossby {

/// One part of the model.
struct PartCost {
  std::string name;           ///< "stage 0", "up block 1"
  index_t rows = 0, cols = 0; ///< cells of the grid that it works on (its output)
  int channels = 0;           ///< of its output
  double flops = 0;           ///< floating-point operations of one forward pass of one sample
};

/// Matrix products and convolutions only, 2 operations for each multiplication with addition: stages 0 to 3, then the
/// decoder's blocks.
std::vector<PartCost> forward_cost(ModelConfig const&);
double forward_flops(ModelConfig const&);

} // namespace rossby
