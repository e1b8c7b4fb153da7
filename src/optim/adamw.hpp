#pragma once
/// \file
/// AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, in PyTorch's form.

#include <rossby/params/gradients.hpp>

#include <cstdint>
#include <vector>

namespace rossby {

/// CREDIT's settings; one group, so decay acts on norms and biases too.
struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0;
};

class AdamW {
public:
  /// What the optimizer remembers of a parameter. Empty until its first gradient.
  struct Moments {
    Array first, second; ///< running means of g and g^2, slices of one array each, in the parameters' type
    std::int64_t step = 0;
  };

  AdamW(Parameters const&, AdamWConfig);

  /// With g = coefficient * gradient, and t the steps of this parameter so far:
  ///   p -= rate * decay * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
  ///   p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)
  /// Parameters without a gradient are left as they are, without decay. One launch for all.
  void step(Exec const&, Parameters&, Gradients const&, double rate, double coefficient);

  AdamWConfig const& config() const { return config_; }
  Moments const& moments(int parameter) const { return moments_[static_cast<std::size_t>(parameter)]; }
  /// Copies the moments of a parameter and takes over its steps.
  void restore(Exec const&, Parameters const&, int parameter, Moments const&);

private:
  Moments& begun(Exec const&, Parameters const&, int parameter);

  AdamWConfig config_;
  Array first_, second_; ///< of all that is optimized, laid out as their values are
  std::vector<Moments> moments_;
  std::vector<index_t> steps_behind_; ///< of what is optimized, in the layout's order: the newest parameter's steps
                                      ///< less its own; -1: without a gradient in this step
  IndexList steps_behind_on_device_;
};

} // namespace rossby
