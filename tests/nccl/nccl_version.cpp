// Compiles and links all calls of NCCL. It needs no GPU to be asked for its version.
#include <rossby/comm/device_transport.hpp>

#include <cstdio>

int main()
{
  auto const version = rossby::nccl_version();
  std::printf("NCCL %s, %s\n", version.c_str(), rossby::nccl_usable() ? "usable" : "Kokkos does not compute with CUDA");
  return version.empty() ? 1 : 0;
}
