#pragma once
/// \file
/// Sums over all cells of a sample, whatever its tiles.

#include <rossby/comm/communicator.hpp>

#include <vector>

namespace rossby {

/// result[b * K + k] = the sum over the cells of all ranks of `group` of terms[b, cell, k]; terms: [B, cells, K],
/// float64. Every rank gets the same numbers. Round-off is carried along (Knuth's two-sum), so that the sums are those
/// of exact arithmetic rounded once, but for terms that cancel to 1e-16 of their size: how the grid is cut doesn't
/// show.
///
/// The adjoint: terms of this rank get the sum over ranks of what each rank's results got, which is this function
/// again.
std::vector<double> global_sum(Exec const&, Communicator const& group, Array const& terms);

} // namespace rossby
