#pragma once
// The library through which a GPU is reached, where it is looked for only when a GPU is needed. The body is chosen by
// CMake: driver_cuda.cpp or driver_nocuda.cpp.

#include <string>

namespace rossby {

/// Why the device that Kokkos was built for can't be reached: the loader's words. Empty where it can, or where the
/// program would not have started without the library.
std::string missing_driver();

} // namespace rossby
