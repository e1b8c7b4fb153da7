#pragma once
/// \file
/// Where the host waits for the device. Nothing else in the library fences: what waits is counted by name, so that a
/// test can tell which waits a training step has (docs/design.md lists them).

#include <rossby/core/kokkos_compat.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace rossby {

/// Waits for everything that was started on this instance. `label` must be a literal of the form that kernels have.
void wait_for(Exec const&, char const* label);

/// How often the host has waited since the process began, by label.
std::map<std::string, std::uint64_t> host_waits();

} // namespace rossby
