#pragma once
/// \file
/// Parameters that no rank stores whole: gathered unit by unit for as long as a unit computes, gradients summed and
/// scattered where they were computed (Rajbhandari et al., "ZeRO", SC 2020; PyTorch's fully sharded data parallel).

#include <rossby/autograd/functions.hpp>
#include <rossby/autograd/parameters.hpp>

#include <memory>
#include <vector>

namespace rossby {

/// How the shares of one unit's parameters become blocks, and gradients of blocks sums of shares, for the parameters
/// with one group of copies: each rank's shares lie in one array, so that one message per rank moves them.
class UnitShares {
public:
  /// Moves the stored values of these parameters into one array. All of them have `copies` for their group.
  UnitShares(Exec const&, Parameters&, std::vector<int> numbers, Communicator const& copies);

  std::vector<int> const& numbers() const { return numbers_; }
  /// Blocks under way.
  struct Gather {
    Array by_rank;
    Communicator::Exchange exchange;
  };
  Gather start_gather(Exec const&) const;
  /// The blocks, in the order of numbers(). Waits for them.
  std::vector<Array> finish_gather(Exec const&, Gather&) const;
  /// Sums gradients of blocks (an empty one is zero) over the copies and adds this rank's shares to the stored
  /// parameters' gradients.
  void reduce(Exec const&, std::vector<Array> const& gradients) const;

private:
  Parameters* parameters_;
  Communicator copies_;
  std::vector<int> numbers_;
  Array mine_;
  std::vector<index_t> counts_;  ///< elements that each rank stores
  std::vector<Shape> shapes_;    ///< of the blocks
  index_t elements_ = 0;         ///< of all blocks
  IndexList ordered_, gathered_; ///< where each run of elements lies: blocks one after the other, and rank by rank
  IndexList length_;
};

/// All units of a model whose parameters are sharded. Entering a unit starts the gather of the one that follows.
class ShardStore {
public:
  ShardStore(Exec const&, Parameters&);

  /// Makes the values of unit `unit` in `blocks`, which has a variable for every parameter.
  void enter(Exec const&, int unit, UnitScope::Direction, std::vector<Var> const& blocks);
  void leave(int unit, std::vector<Var> const& blocks) const;
  /// Hands the gradients of `blocks` on to the stored parameters.
  void reduce(Exec const&, int unit, std::vector<Var> const& blocks) const;

private:
  std::vector<std::vector<UnitShares>> units_;
  std::vector<std::vector<UnitShares::Gather>> under_way_;
};

} // namespace rossby
