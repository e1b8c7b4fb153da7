#pragma once
/// \file
/// What communication costs. Every call over a group of several ranks is counted, always, by the name of its group and
/// by operation; docs/parallel.md has the table of operations and their bytes. Groups that come from one communicator
/// (by split, cartesian, sub, named) are counted together, so that what several sessions of a program send is told
/// apart.

#include <rossby/comm/communicator.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace rossby {

/// Of this rank. In a group of one nothing travels and nothing is counted.
struct CommCost {
  std::int64_t calls = 0;
  /// An exchange sends one to each listed peer but itself, unless it is empty; any other call counts as one.
  std::int64_t messages = 0;
  /// What this rank hands over for others: in an exchange the sum of its messages; in an all-reduce, a reduce-scatter
  /// and a gather the size of its input; in a broadcast that of the root's data, on the root alone. How often the
  /// network carries a byte depends on MPI's algorithm and is not in it.
  std::int64_t bytes = 0;
  /// Wall time inside the call, and for what was started inside its wait as well. Waiting for the kernels that compute
  /// what is sent is left out.
  double seconds = 0;
};

/// (group name, operation) -> cost
using CommCosts = std::map<std::pair<std::string, std::string>, CommCost>;

/// Of this group and of all that come from the same communicator, since that was made or since the last reset. Not
/// collective.
CommCosts comm_costs(Communicator const&);
void reset_comm_costs(Communicator const&);
/// What came on top of `before`.
CommCosts difference(CommCosts const& after, CommCosts const& before);

/// Sums of messages and bytes over the group; calls and seconds of the rank that has most of each. Collective.
CommCosts over_ranks(Communicator const&, CommCosts const&);
/// For people, a line per group and operation.
std::string to_table(CommCosts const&);

} // namespace rossby
