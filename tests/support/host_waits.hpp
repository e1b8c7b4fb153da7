#pragma once
/// \file
/// How often the host has waited for the device.

#include "core/host_waits.hpp"

namespace rossby::test {

/// Since the process began, under any label.
inline std::uint64_t all_waits()
{
  std::uint64_t sum = 0;
  for (auto const& [label, count] : host_waits())
    sum += count;
  return sum;
}

} // namespace rossby::test
