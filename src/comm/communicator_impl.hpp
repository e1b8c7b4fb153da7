#pragma once
/// \file
/// What a group is, whatever carries its messages.

#include "call.hpp"

#include <rossby/comm/communicator.hpp>

#include <memory>
#include <string>
#include <vector>

namespace rossby {

struct MpiGroup;

struct Communicator::Impl {
  std::string name;
  int rank = 0, size = 1;
  /// One element per axis of a Cartesian group, whose ranks are row-major.
  bool cartesian = false;
  std::vector<int> extents{};
  std::vector<bool> periodic{};
  std::shared_ptr<Counts> counts = std::make_shared<Counts>();
  /// Null: this rank alone, and no call of MPI is made.
  std::shared_ptr<MpiGroup> group{};

  bool alone() const { return !group; }
  /// How counters and the watchdog know a call.
  CallSite site(char const* operation) const { return {name, operation, rank, size, counts}; }
  /// The same group as a grid.
  Impl as_grid(std::vector<int> axes, std::vector<bool> wraps) const
  {
    Impl grid = *this;
    grid.cartesian = true;
    grid.extents = std::move(axes);
    grid.periodic = std::move(wraps);
    return grid;
  }
  /// Extents and "is periodic" of the kept axes.
  std::pair<std::vector<int>, std::vector<bool>> axes(std::vector<bool> const& keep) const
  {
    std::pair<std::vector<int>, std::vector<bool>> kept;
    for (std::size_t axis = 0; axis < keep.size(); ++axis)
      if (keep[axis]) {
        kept.first.push_back(extents[axis]);
        kept.second.push_back(periodic[axis]);
      }
    return kept;
  }
};

} // namespace rossby
