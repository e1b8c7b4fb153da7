// Launches of window attention on blocks. They are CUDA's own rather than Kokkos', whose teams get at most 48 KiB of
// shared memory; tools see them by their labels all the same.

#include "window_blocks.hpp"

#include <rossby/core/error.hpp>

#include <cuda_runtime.h>

#include <limits>

namespace rossby::ops {

namespace {

struct alignas(16) Word {
  std::uint32_t part[4];
};
extern __shared__ Word shared_memory[];

template <class Shape, class T>
__global__ void __launch_bounds__(Shape::threads, 1) window_forward_kernel(WindowTask<T> n)
{
  CudaBlock b(reinterpret_cast<unsigned char*>(shared_memory));
  window_forward<Shape>(b, n);
}
template <class Shape, class T>
__global__ void __launch_bounds__(Shape::threads, 1) window_backward_kernel(WindowTask<T> n)
{
  CudaBlock b(reinterpret_cast<unsigned char*>(shared_memory));
  window_backward<Shape>(b, n);
}

void check(cudaError_t result)
{
  if (result != cudaSuccess)
    fail("window attention", cudaGetErrorString(result), "");
}

int attribute(Exec const& exec, cudaDeviceAttr which)
{
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, exec.cuda_device()));
  return value;
}

template <class Shape, class T>
bool launch(char const* label, Exec const& exec, void (*kernel)(WindowTask<T>), index_t windows, int bytes,
            WindowTask<T> const& task)
{
  index_t const blocks = (windows + Shape::windows - 1) / Shape::windows * task.n.heads;
  if (bytes > attribute(exec, cudaDevAttrMaxSharedMemoryPerBlockOptin) || blocks > std::numeric_limits<int>::max())
    return false;
  check(
      cudaFuncSetAttribute(reinterpret_cast<void const*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  std::uint64_t id = 0;
  Kokkos::Tools::beginParallelFor(label, Kokkos::Tools::Experimental::device_id(exec), &id);
  kernel<<<static_cast<unsigned>(blocks), Shape::threads, static_cast<std::size_t>(bytes), exec.cuda_stream()>>>(task);
  Kokkos::Tools::endParallelFor(id);
  check(cudaGetLastError());
  return true;
}

template <class T> bool starts_on_words(T const* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

/// f(shape) for the smallest shape that a task fits into; false where there is none.
template <class T, class F> bool with_shape(Exec const& exec, WindowTask<T> const& task, F const& f)
{
  if (!starts_on_words(task.qkv) || !starts_on_words(task.out) || !starts_on_words(task.dout) ||
      !starts_on_words(task.dqkv))
    return false;
  if (sizeof(T) == 2 && attribute(exec, cudaDevAttrComputeCapabilityMajor) < 8) // no bfloat16 in tensor cores
    return false;
  auto const of_width = [&](auto width) {
    constexpr int w = decltype(width)::value;
    if (task.n.tokens <= 16)
      return f(WindowShape<T, 16, w>{});
    if (task.n.tokens <= 32)
      return f(WindowShape<T, 32, w>{});
    if (task.n.tokens <= 64)
      return f(WindowShape<T, 64, w>{});
    return task.n.tokens <= 112 && f(WindowShape<T, 112, w>{});
  };
  return (task.n.width == 32 && of_width(Constant<32>{})) || (task.n.width == 64 && of_width(Constant<64>{}));
}

} // namespace

template <class T> bool forward_on_blocks(Exec const& exec, WindowTask<T> const& task)
{
  return with_shape(exec, task, [&](auto shape) {
    using Shape = decltype(shape);
    return launch<Shape>("rossby::ops::window_forward_on_blocks", exec, window_forward_kernel<Shape, T>, task.n.windows,
                         Shape::forward_bytes, task);
  });
}

template <class T> bool backward_on_blocks(Exec const& exec, WindowTask<T> const& task)
{
  return with_shape(exec, task, [&](auto shape) {
    using Shape = decltype(shape);
    return launch<Shape>("rossby::ops::window_backward_on_blocks", exec, window_backward_kernel<Shape, T>, task.chunks,
                         Shape::backward_bytes, task);
  });
}

template bool forward_on_blocks(Exec const&, WindowTask<float> const&);
template bool forward_on_blocks(Exec const&, WindowTask<bfloat16> const&);
template bool backward_on_blocks(Exec const&, WindowTask<float> const&);
template bool backward_on_blocks(Exec const&, WindowTask<bfloat16> const&);

} // namespace rossby::ops
