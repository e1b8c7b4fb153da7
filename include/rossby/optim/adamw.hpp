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
    Array first, second; ///< running means of g and g^2, in memory order, in the parameters' type
    std::int64_t step = 0;
  };

  AdamW(Parameters const&, AdamWConfig);

  /// With g = coefficient * gradient, and t the steps of this parameter so far:
  ///   p -= rate * decay * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
  ///   p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)
  /// Parameters without a gradient are left as they are, without decay.
  void step(Exec const&, Parameters&, Gradients const&, double rate, double coefficient);

  AdamWConfig const& config() const { return config_; }
  Moments& moments(int parameter) { return moments_[static_cast<std::size_t>(parameter)]; }
  Moments const& moments(int parameter) const { return moments_[static_cast<std::size_t>(parameter)]; }

private:
  AdamWConfig config_;
  std::vector<Moments> moments_;
};

} // namespace rossby
