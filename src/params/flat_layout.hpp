#pragma once
/// \file
/// Where parameters lie in flat arrays. Values, gradients, moments and averages are slices of one array each, so that
/// one kernel does for all parameters what an optimizer step does to them.

#include "ops/pieces.hpp"
#include <rossby/params/parameter_spec.hpp>

#include <vector>

namespace rossby {

struct Parameter;
struct ParameterUnit;

/// The slices of the stored parts, in this order: what is optimized, as backward passes are done with it, from the last
/// unit to the first and then what belongs to none; all that is cut by tensor groups behind all that is not, because
/// its gradients are summed over other ranks; what is trainable but never used; what is not trained. So gradients and
/// moments have a place in the first part of such an array, averages in the first two. Each slice begins at a multiple
/// of 64 bytes. What lies between is zero, and adds nothing to sums.
class FlatLayout {
public:
  FlatLayout() = default;
  FlatLayout(Exec const&, DType, std::vector<Parameter> const&, std::vector<ParameterUnit> const&);

  /// Elements of arrays for what is optimized, for what is trainable, for everything.
  index_t optimized() const { return optimized_; }
  index_t trainable() const { return trainable_; }
  index_t elements() const { return elements_; }
  /// The numbers of the optimized parameters, in this order.
  std::vector<int> const& order() const { return order_; }
  index_t begin(int parameter) const { return begin_[static_cast<std::size_t>(parameter)]; }
  /// `elements`, and room up to where another slice may begin.
  index_t padded(index_t elements) const { return (elements + step_ - 1) / step_ * step_; }
  /// Those of the optimized parameters, as slices in their order.
  ops::Pieces const& pieces() const { return pieces_; }

private:
  index_t step_ = 1; ///< elements in 64 bytes
  std::vector<index_t> begin_;
  index_t optimized_ = 0, trainable_ = 0, elements_ = 0;
  std::vector<int> order_;
  ops::Pieces pieces_;
};

} // namespace rossby
