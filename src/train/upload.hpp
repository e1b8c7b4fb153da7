#pragma once
/// \file
/// Batches on their way to the device.

#include <rossby/core/array.hpp>

#include <vector>

namespace rossby {

/// Host values as a device array.
Array upload(Exec const&, DType, Shape const&, std::vector<float> const&);

} // namespace rossby
