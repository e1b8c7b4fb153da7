#pragma once
/// \file
/// One forward pass, and its gradients, on files: what people compare Rossby with other frameworks by.

#include <rossby/train/session.hpp>

#include <string>

namespace rossby {

struct ApplyOptions {
  std::string weights; ///< HDF5 with `/model/<name>`
  std::string input;   ///< HDF5 with `/input` (B, C, T, H, W) and, for gradients, `/target` and perhaps `/latitude`
  std::string output;  ///< written whole or not at all
  bool training = false;
  bool gradients = false; ///< needs a session of Purpose::gradients
};

/// Writes `/output` (B, C_out, T_out, H, W) and, with gradients, `/loss` and `/grad/<name>` of the deck's loss, in the
/// session's precision of parameters (Purpose::apply). The batch is split over data ranks and every sample into tiles,
/// and the files are the same on any mesh. Collective.
void apply(Session&, ApplyOptions const&);

} // namespace rossby
