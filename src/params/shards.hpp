#pragma once
/// \file
/// Parameters that no rank stores whole: gathered unit by unit for as long as a unit computes, gradients summed and
/// scattered where they were computed (Rajbhandari et al., "ZeRO", SC 2020; PyTorch's fully sharded data parallel).

#include <rossby/autograd/functions.hpp>
#include <rossby/params/parameters.hpp>

#include <memory>
#include <vector>

namespace rossby {

/// How the shares of one unit's parameters become blocks, and gradients of blocks sums of shares, for the parameters
/// with one group of copies: each rank's shares are neighbours in the flat arrays, so that one message per rank moves
/// them from and to where they are.
class UnitShares {
public:
  /// All of these parameters have `copies` for their group.
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
  /// Sums of gradients under way.
  struct Sums {
    Array mine;
    Communicator::Exchange exchange;
  };
  /// An array for gradients of the blocks, zeroed, and the slices that they have in it, in the order of numbers().
  Array room_for_gradients(Exec const& exec) const { return Array::zeros(exec, dtype(), {elements_}); }
  std::vector<Array> blocks_in(Array const& all) const;
  /// Starts to sum gradients of blocks over the copies. They are not needed any more.
  Sums start_sums(Exec const&, Array const& gradients) const;
  /// Adds this rank's shares of the sums to the stored parameters' gradients. Waits for them.
  void finish_sums(Exec const&, Sums&) const;

private:
  DType dtype() const { return parameters_->dtype(); }
  /// This rank's shares in a flat array.
  Array mine_in(Array const& flat) const;

  Parameters* parameters_;
  Communicator copies_;
  std::vector<int> numbers_;
  std::vector<index_t> counts_;  ///< elements that each rank stores, with what lies between
  std::vector<Shape> shapes_;    ///< of the blocks
  index_t elements_ = 0;         ///< of all blocks, with what lies between
  IndexList ordered_, gathered_; ///< where each run of elements lies: blocks one after the other, and rank by rank
  IndexList length_;
};

/// All units of a model whose parameters are sharded. Entering a unit starts the gather of the one that was
/// declared next, forwards, or before it, backwards: units are declared in the order in which they run. The
/// gradients of a unit are summed while the backward pass of the next one computes: besides what that one needs itself,
/// memory holds the gradients of at most one unit.
class ShardStore {
public:
  ShardStore(Exec const&, Parameters&);

  /// Makes the values of unit `unit` in `blocks`, which has a variable for every parameter.
  void enter(Exec const&, int unit, UnitScope::Direction, std::vector<Var> const& blocks);
  void leave(int unit, std::vector<Var> const& blocks) const;
  /// Hands the gradients of `blocks` on to the stored parameters, which have them after the next call, or after
  /// finish_pass().
  void start_sums(Exec const&, int unit, std::vector<Var> const& blocks);
  /// At the end of a backward pass.
  void finish_pass(Exec const&);
  /// Waits for gathers that no unit asked for and drops them. Before every pass, which may find other values.
  void drop_gathers();

private:
  void finish_sums(Exec const&);
  std::vector<std::vector<UnitShares>> units_;
  std::vector<std::vector<UnitShares::Gather>> under_way_;
  std::vector<Array> gradients_;       ///< of the blocks of the unit whose backward pass computes
  std::vector<UnitShares::Sums> sums_; ///< under way, of unit `summed_`
  std::size_t summed_ = 0;
};

} // namespace rossby
