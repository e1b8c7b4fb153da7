#pragma once
/// \file
/// Model parameters: declared first (see parameter_spec.hpp), stored once the parallel plan is known, each rank its
/// part.

#include <rossby/autograd/tape.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/params/parameter_spec.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// Which ranks hold what. One rank holds everything.
struct ParameterPlacement {
  Communicator world;    ///< all ranks: copies of what no tensor group cuts
  Communicator replicas; ///< ranks of this place in their tensor group: copies of what tensor groups cut
  Communicator tensor;   ///< ranks that share the cut parameters of one copy
  bool sharded = false;  ///< each of the ranks with copies stores only a share of the rows (fsdp2)
  /// Ranks over which the parts of what is not stored whole are spread.
  Communicator const& part_ranks() const { return sharded ? world : tensor; }
};

/// A parameter and its storage: `value` and, once a backward pass has run, `var.grad()` are slices of flat arrays, in
/// memory order.
struct Parameter {
  ParameterSpec spec;
  Part block{}; ///< what this rank computes with
  Part part{};  ///< what it stores: the block, or a share of it
  Var var{};    ///< of the stored part
  Array const& value() const { return var.value(); }
};

/// Consecutive parameters that are needed together: a transformer layer, a decoder block, an embedding.
struct ParameterUnit {
  std::string name;
  int begin = 0, end = 0; ///< numbers of parameters
};

class FlatLayout;
class ShardStore;
class ShareTable;

/// All parameters of a model, in order of declaration. They stay where they are: modules and shards refer to them.
class Parameters {
public:
  Parameters();
  Parameters(Parameters const&) = delete;
  Parameters& operator=(Parameters const&) = delete;
  /// Returns the parameter's number. Names are unique.
  int declare(ParameterSpec);
  /// What is declared from now on belongs to a new unit, whose number is returned.
  int begin_unit(std::string name);
  /// Decides which part each rank stores. Before allocate(); without it this rank stores everything.
  void place(ParameterPlacement const&);
  /// Allocates and draws initial values; each element depends only on (seed, name, global index).
  void allocate(Exec const&, DType, std::uint64_t seed);

  ParameterPlacement const& placement() const { return placement_; }
  /// Ranks that compute with the same block as this one: the gradient is the sum over them.
  Communicator const& copies(int i) const;
  /// Who holds the distinct parts of a parameter: this rank alone, its tensor group, or all ranks (fsdp2).
  enum class Holders { alone, tensor, world };
  Holders holders(int i) const;
  /// Those ranks: a sum over all elements is a sum over them.
  Communicator const& parts(int i) const;
  std::vector<ParameterUnit> const& units() const { return units_; }
  int unit_of(int i) const; ///< -1 when no unit holds it
  /// What rank `holder` of copies(i) stores of a sharded parameter.
  Part share(int i, int holder) const;
  /// Null when every rank stores what it computes with.
  std::shared_ptr<ShardStore> const& shards() const { return shards_; }

  int size() const { return static_cast<int>(list_.size()); }
  Parameter& operator[](int i) { return list_[static_cast<std::size_t>(i)]; }
  Parameter const& operator[](int i) const { return list_[static_cast<std::size_t>(i)]; }
  std::vector<Parameter>& all() { return list_; }
  std::vector<Parameter> const& all() const { return list_; }
  /// Null when there is none of that name.
  Parameter* find(std::string const& name);
  DType dtype() const { return dtype_; }
  index_t count_trainable() const; ///< elements of trainable parameters, unused ones included

  /// Where each parameter lies in arrays for all of them.
  FlatLayout const& layout() const { return *layout_; }
  /// The slice of such an array that parameter `i` has, shaped like its stored part.
  Array slice(Array const& flat, int i) const;
  Array const& values() const { return values_; }
  /// The gradients of what is optimized; empty before the first call of ready_gradients().
  Array const& gradients() const { return gradients_; }
  /// Before a pass whose backward pass makes gradients: zeroes what is left of earlier ones, all at once, unless some
  /// are there to be added to.
  void ready_gradients(Exec const&);
  void drop_grads();

private:
  std::vector<Parameter> list_;
  std::map<std::string, int> by_name_;
  std::vector<ParameterUnit> units_;
  std::shared_ptr<ShareTable const> shares_; ///< null when every rank stores what it computes with
  std::shared_ptr<ShardStore> shards_;
  ParameterPlacement placement_;
  Communicator alone_;
  std::shared_ptr<FlatLayout const> layout_;
  Array values_, gradients_;
  DType dtype_ = DType::float32;
};

} // namespace rossby
