#pragma once
/// \file
/// All knowledge of Kokkos versions and backends. No other file looks at KOKKOS_VERSION or KOKKOS_ENABLE_*.

#include <Kokkos_Core.hpp>

#include <cstddef>
#include <cstring>

namespace rossby {

using Exec = Kokkos::DefaultExecutionSpace;
using MemorySpace = Exec::memory_space;
using Device = Kokkos::Device<Exec, MemorySpace>;

/// Index of kernels: signed and pointer-wide, because g++ does not vectorise loops over `int` View indices.
using index_t = std::ptrdiff_t;
using Range = Kokkos::RangePolicy<Exec, Kokkos::IndexType<index_t>>;
using Team = Kokkos::TeamPolicy<Exec>;
using TeamMember = Team::member_type;

/// True where the host can dereference device memory (Serial, OpenMP).
constexpr bool host_accessible = Kokkos::SpaceAccessibility<Kokkos::HostSpace, MemorySpace>::accessible;

/// Host memory that a device reads by itself, so that a copy from it needs nobody to wait.
#ifdef KOKKOS_HAS_SHARED_HOST_PINNED_SPACE
using PinnedSpace = Kokkos::SharedHostPinnedSpace;
#else
using PinnedSpace = Kokkos::HostSpace;
#endif

/// Whether kernels deal a row's channels to the lanes of a team (core/rows.hpp): wherever neighbouring threads should
/// touch neighbouring bytes. A test builds the kernels so for a host too.
#ifdef ROSSBY_ROWS_ON_LANES
constexpr bool rows_on_lanes = true;
#else
constexpr bool rows_on_lanes = !host_accessible;
#endif

/// Whether the products of Kokkos Kernels (whose releases are Kokkos') take an instance. Older ones run on hosts only,
/// where order is implied.
constexpr bool blas_takes_instance = KOKKOS_VERSION >= 30700;

/// Waits for an instance; newer tools see the label. For `wait_for` alone (core/host_waits.hpp).
inline void fence(Exec const& exec, [[maybe_unused]] char const* label)
{
#if KOKKOS_VERSION >= 30500
  exec.fence(label);
#else
  exec.fence();
#endif
}

namespace math {
#if KOKKOS_VERSION >= 30700
using Kokkos::cos;
using Kokkos::erf;
using Kokkos::exp;
using Kokkos::fabs;
using Kokkos::floor;
using Kokkos::isfinite;
using Kokkos::log;
using Kokkos::log1p;
using Kokkos::pow;
using Kokkos::sin;
using Kokkos::sqrt;
using Kokkos::tanh;
#else
using Kokkos::Experimental::cos;
using Kokkos::Experimental::erf;
using Kokkos::Experimental::exp;
using Kokkos::Experimental::fabs;
using Kokkos::Experimental::floor;
using Kokkos::Experimental::isfinite;
using Kokkos::Experimental::log;
using Kokkos::Experimental::log1p;
using Kokkos::Experimental::pow;
using Kokkos::Experimental::sin;
using Kokkos::Experimental::sqrt;
using Kokkos::Experimental::tanh;
#endif
/// The same bits as another type of that size (std::bit_cast is C++20).
template <class To, class From> KOKKOS_INLINE_FUNCTION To bit_cast(From const& from)
{
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
template <class T> KOKKOS_INLINE_FUNCTION constexpr T max(T a, T b) { return a < b ? b : a; }
template <class T> KOKKOS_INLINE_FUNCTION constexpr T min(T a, T b) { return b < a ? b : a; }
} // namespace math

} // namespace rossby
