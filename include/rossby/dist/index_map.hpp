#pragma once
/// \file
/// The one operator that moves data on the sphere: target cell <- source cell, or nothing.

#include <rossby/comm/communicator.hpp>
#include <rossby/dist/tiling.hpp>

#include <vector>

namespace rossby {

/// A linear operator y = F x from the cells of a tiled grid to a list of target cells on every rank: halo, zero border,
/// pole and longitude padding, crop, window partition, redistribution. Every channel of a cell moves together.
///
/// Built once from what each rank wants; the ranks tell each other. Each message carries the cells that one rank needs
/// of another, once, sorted by global number.
class IndexMap {
public:
  static constexpr index_t nothing = -1; ///< a target cell that is zero

  IndexMap() = default;
  /// `wanted[t]` is the global number (row * width + column) of the source of this rank's target cell t, or `nothing`.
  /// Collective over `group`, whose ranks own the tiles of `source`.
  IndexMap(Exec const&, Communicator const& group, Tiling const& source, std::vector<index_t> const& wanted);

  index_t sources() const { return sources_; } ///< cells of this rank's tile
  index_t targets() const { return targets_; }

  /// y[b, t, :] = x[b, source of t, :] or 0. x: [B, sources, C], y: [B, targets, C].
  void apply(Exec const&, Array const& x, Out y) const;
  /// dx[b, s, :] = sum over the targets of s, on all ranks, of dy[b, t, :], in a fixed order.
  void adjoint(Exec const&, Array const& dy, Out dx) const;

  class [[nodiscard]] PendingApply;
  class [[nodiscard]] PendingAdjoint;
  /// apply() in two steps: after this one, kernels on the same Exec see the targets that this rank has the sources of,
  /// and those that are zero. The others are under way until finish(). `x` may change in between.
  PendingApply start(Exec const&, Array const& x, Out y) const;
  /// adjoint() in two steps: this one sends what the targets of other ranks' sources got, which must be complete. The
  /// other elements of `dy` have until finish(dx).
  PendingAdjoint start_adjoint(Exec const&, Array const& dy) const;

  /// Bytes this rank sends in `apply` for one sample, and receives in `adjoint`.
  std::size_t bytes_sent(index_t channels, DType) const;

private:
  struct Neighbour {
    int rank;
    index_t begin, count; ///< range in the list of cells to send or to receive
  };
  /// Lists of positions, one per row.
  struct Lists {
    IndexList start, position;
  };
  static Lists lists_of(Exec const&, index_t rows, std::vector<std::vector<index_t>> const&);
  std::vector<Communicator::Message> messages(std::vector<Neighbour> const&, Array const& buffer, index_t batch,
                                              index_t channels) const;

  Communicator group_;
  index_t sources_ = 0, targets_ = 0, sent_ = 0, received_ = 0;
  std::vector<Neighbour> send_to_, receive_from_;
  IndexList from_;           ///< per target: source cell, or sources_ + position in the receive buffer, or nothing
  IndexList remote_targets_; ///< targets that come from the receive buffer
  IndexList send_list_;      ///< source cells in the order of the send buffer
  Lists targets_of_source_, targets_of_received_, sends_of_source_; ///< for the adjoint
};

/// What start() began. The map must outlive it; finish() must be called, once.
class [[nodiscard]] IndexMap::PendingApply {
public:
  /// Lets messages move on: for the host to call now and then while it has other work.
  void progress() { exchange_.progress(); }
  void finish();

private:
  friend class IndexMap;
  IndexMap const* map_;
  Exec exec_;
  Array y_, sending_, coming_; ///< [B, targets, C], buffers
  Communicator::Exchange exchange_;
};

/// What start_adjoint() began, likewise.
class [[nodiscard]] IndexMap::PendingAdjoint {
public:
  void progress() { exchange_.progress(); }
  void finish(Out dx);

private:
  friend class IndexMap;
  IndexMap const* map_;
  Exec exec_;
  Array dy_, sending_, coming_; ///< [B, targets, C], buffers
  Communicator::Exchange exchange_;
};

} // namespace rossby
