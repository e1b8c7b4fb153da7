#pragma once
/// \file
/// The parameters of one forward pass and of its backward pass: from what ranks store to what layers compute with, and
/// from the gradients of that to where gradients go.

#include <rossby/autograd/functions.hpp>
#include <rossby/params/parameters.hpp>

#include <memory>
#include <vector>

namespace rossby {

/// What layers use of a unit in place of some of its parameters: normalised weights.
class DerivedWeights {
public:
  virtual ~DerivedWeights() = default;
  /// The parameters have their values from here ...
  virtual void arrive() = 0;
  /// ... to here.
  virtual void leave() = 0;
  /// Before a backward pass: makes room for gradients.
  virtual void begin_backward(Exec const&) = 0;
  /// After it: turns the gradients of what was derived into gradients of the parameters.
  virtual void add_gradients(Exec const&) = 0;
};

/// Made before a forward pass. Where every rank stores what it computes with, variables are the stored ones, and the
/// end of a unit's backward pass is told to the sink; where ranks store shares (fsdp2), variables belong to the pass
/// and have values only inside of units, and gradients are summed into the shares.
class ParameterPass {
public:
  ParameterPass(Context&, Parameters&);

  /// A variable for each parameter, by its number.
  std::shared_ptr<std::vector<Var> const> const& variables() const { return variables_; }
  std::shared_ptr<UnitScope> scope(int unit, std::shared_ptr<DerivedWeights>) const;

private:
  std::shared_ptr<ShardStore> shards_; ///< null when every rank stores what it computes with
  std::shared_ptr<std::vector<Var> const> variables_;
};

} // namespace rossby
