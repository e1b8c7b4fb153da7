#pragma once
/// \file
/// A running mean of the weights, with which a run validates and forecasts.

#include <rossby/params/parameters.hpp>

#include <cstdint>
#include <vector>

namespace rossby {

/// After step s (from 1): shadow = d shadow + (1 - d) p with d = min(decay, (1 + s)/(10 + s)). Spectral-norm vectors
/// are no weights and stay out of it: an average of unit vectors is not one. Parameters that the model never uses are
/// averaged like all others, as CREDIT does, so that its files come back as they were. One launch a call.
class Ema {
public:
  Ema(Exec const&, Parameters const&, double decay);

  void update(Exec const&, Parameters const&);
  double effective_decay(std::int64_t step) const;

  /// Exchanges the weights with their means; calling it again exchanges them back.
  void swap(Exec const&, Parameters&);

  /// The mean of a parameter; empty for what is not averaged.
  Array const& shadow(int parameter) const { return shadow_[static_cast<std::size_t>(parameter)]; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  double decay() const { return decay_; }

private:
  double decay_;
  std::int64_t steps_ = 0;
  bool swapped_ = false;
  Array means_; ///< of all that is trainable, laid out as their values are
  std::vector<Array> shadow_;
};

} // namespace rossby
