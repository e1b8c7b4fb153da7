#pragma once
/// \file
/// Host values on their way to the device, in the middle of a step.

#include <rossby/core/array.hpp>

#include <vector>

namespace rossby {

/// A device array of host values, row-major, converted to `dtype`. They may go once this returns, and kernels queued on
/// this instance after it see them: the host does not wait. (Array::from_host does, because what is made once may be
/// used on any instance.)
Array upload(Exec const&, DType, Shape, std::vector<float> const&);
Array upload(Exec const&, DType, Shape, std::vector<double> const&);

} // namespace rossby
