#pragma once
/// \file
/// What the bodies of the communicator check alike.

#include <rossby/comm/communicator.hpp>

#include <functional>
#include <numeric>

namespace rossby {

/// `whole` holds blocks of these sizes, `mine` this rank's.
inline void expect_blocks(Communicator const& ranks, Array const& whole, Array const& mine,
                          std::vector<index_t> const& counts)
{
  ROSSBY_EXPECT(counts.size() == static_cast<std::size_t>(ranks.size()));
  ROSSBY_EXPECT(mine.size() == counts[static_cast<std::size_t>(ranks.rank())]);
  ROSSBY_EXPECT(whole.size() == std::accumulate(counts.begin(), counts.end(), index_t{0}));
  ROSSBY_EXPECT(whole.dtype() == mine.dtype());
}

/// What gathering and scattering come to in a group of one.
inline void copy_whole(Exec const& exec, Array const& from, Array const& to)
{
  if (from.size() > 0)
    to.copy_from(exec, from);
}

/// A grid with one extent and one "is periodic" per axis that has a place for every rank.
inline void expect_grid(Communicator const& ranks, std::vector<int> const& extents, std::vector<bool> const& periodic)
{
  ROSSBY_EXPECT(extents.size() == periodic.size());
  ROSSBY_EXPECT(std::accumulate(extents.begin(), extents.end(), 1, std::multiplies<int>()) == ranks.size());
}

} // namespace rossby
