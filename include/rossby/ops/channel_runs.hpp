#pragma once
/// \file
/// Channels of a cell in runs short enough for sums in registers: what is stored in fewer bits than it is summed in
/// must not be rounded between terms.

#include <rossby/core/kokkos_compat.hpp>

namespace rossby::ops {

constexpr index_t channel_run = 32;

/// Calls f(first channel, number of channels) run by run.
template <class F> KOKKOS_INLINE_FUNCTION void for_each_run(index_t channels, F const& f)
{
  index_t c = 0;
  for (; c + channel_run <= channels; c += channel_run)
    f(c, channel_run);
  if (c < channels)
    f(c, channels - c);
}

} // namespace rossby::ops
