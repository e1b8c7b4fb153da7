#include "core/upload.hpp"

#include "core/host_waits.hpp"
#include <rossby/core/pool.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace rossby {

namespace {
template <class T>
using HostValues =
    Kokkos::View<T const*, Kokkos::LayoutRight, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

constexpr std::size_t staging_limit = std::size_t(1) << 30; ///< bytes; more than a step sends

template <class T, class From> void send(Exec const& exec, std::vector<From> const& values, View<T, 1> to)
{
  auto const copy = [&](T const* from) { Kokkos::deep_copy(exec, to, HostValues<T>(from, values.size())); };
  if (!host_accessible) {
    if (Pool::current().staged_bytes() > staging_limit)
      wait_for(exec, "rossby::core::upload");
    T* const staged = static_cast<T*>(Pool::current().stage(values.size() * sizeof(T)));
    std::copy(values.begin(), values.end(), staged);
    copy(staged);
  } else if constexpr (std::is_same_v<T, From>) { // a copy between host arrays is done when it returns
    copy(values.data());
  } else {
    copy(std::vector<T>(values.begin(), values.end()).data());
  }
}

template <class From> Array sent(Exec const& exec, DType dtype, Shape shape, std::vector<From> const& values)
{
  Array const result = Array::empty(dtype, std::move(shape));
  ROSSBY_EXPECT(static_cast<index_t>(values.size()) == result.size());
  dispatch_wide(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    send<T>(exec, values, result.flat<T>());
  });
  return result;
}
} // namespace

Array upload(Exec const& exec, DType dtype, Shape shape, std::vector<float> const& values)
{
  return sent(exec, dtype, std::move(shape), values);
}
Array upload(Exec const& exec, DType dtype, Shape shape, std::vector<double> const& values)
{
  return sent(exec, dtype, std::move(shape), values);
}

} // namespace rossby
