// Kokkos calls three functions of NVIDIA's driver library, libcuda.so.1. Linked as libraries are, it would have to be
// there before the program can start at all, and on a login node without a GPU it is not: no deck could be checked
// there. These stand in for them and look for the driver when they are called. Nothing else asks for the library then,
// and the linker leaves it out (--as-needed). A Kokkos that calls more of it brings it back.

#include "driver.hpp"

#include <dlfcn.h>

namespace rossby {

namespace {
constexpr int not_found = 500; // CUDA_ERROR_NOT_FOUND

void* driver()
{
  static void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  return library;
}

template <class... A> int call(char const* name, A... arguments)
{
  using Function = int (*)(A...);
  auto const function = driver() ? reinterpret_cast<Function>(dlsym(driver(), name)) : nullptr;
  return function ? function(arguments...) : not_found;
}
} // namespace

std::string missing_driver()
{
  if (driver())
    return {};
  char const* const reason = dlerror();
  return reason ? reason : "libcuda.so.1 was not found";
}

} // namespace rossby

extern "C" {
int cuCtxGetDevice(int* device) { return rossby::call("cuCtxGetDevice", device); }
int cuCtxPushCurrent_v2(void* context) { return rossby::call("cuCtxPushCurrent_v2", context); }
int cuStreamGetCtx(void* stream, void** context) { return rossby::call("cuStreamGetCtx", stream, context); }
}
