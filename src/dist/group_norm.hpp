#pragma once
/// \file
/// Group norm over a field that is cut into tiles.

#include <rossby/comm/communicator.hpp>

namespace rossby {

/// What backward needs of a forward pass: the global statistics, [B, G].
struct GroupStatistics {
  Array mean, rstd;
  Array count; ///< values per sample and group, over all tiles; float64
};

/// y = group norm of x [B, cells, C] with statistics over all cells of the group's tiles (biased variance). Moments are
/// merged tile by tile in rank order.
GroupStatistics group_norm_forward(Exec const&, Communicator const&, Array const& x, index_t groups, double eps,
                                   Array const& gain, Array const& bias, Out y);

/// Writes dx; adds this tile's terms into dgain and dbias. The two means of the gradient over all cells make dx global.
void group_norm_backward(Exec const&, Communicator const&, GroupStatistics const&, Array const& x, Array const& gain,
                         Array const& dy, Out dx, Out dgain, Out dbias);

} // namespace rossby
