#pragma once
/// \file
/// The gradients of one optimizer step: packed, summed over ranks, measured, clipped.

#include <rossby/autograd/parameters.hpp>
#include <rossby/comm/communicator.hpp>

#include <limits>
#include <string>
#include <vector>

namespace rossby {

/// Upper bound on the length of the gradient (trainer.grad_max_norm).
struct ClipConfig {
  /// Infinite: no bound. CREDIT's 'dynamic' bounds the gradient by its own length, which changes nothing, and is
  /// stored as infinite too.
  double max_norm = std::numeric_limits<double>::infinity();

  /// What PyTorch multiplies the gradient by: max_norm / (norm + 1e-6), at most 1.
  double coefficient(double norm) const;
};

/// True for what the optimizer moves: trainable parameters that the model uses.
inline bool is_optimized(ParameterSpec const& spec) { return spec.trainable && spec.used; }

/// Flat buffers of a bounded size, so that a step makes few reductions and none of them is huge.
class Gradients {
public:
  explicit Gradients(Parameters const&, std::size_t bucket_bytes = std::size_t{32} << 20);

  /// Packs the gradients, drops them from the parameters and sums over `ranks`, all of which hold the same parameters.
  void collect(Exec const&, Parameters&, Communicator const& ranks);

  /// False when no rank's backward pass reached the parameter: it is then left alone by the optimizer.
  bool present(int parameter) const { return present_[static_cast<std::size_t>(parameter)]; }
  /// The summed gradient, in memory order and shaped like the parameter.
  Array const& of(int parameter) const { return slice_[static_cast<std::size_t>(parameter)]; }
  /// Length of all of them together, in float64, summed in a fixed order.
  double norm(Exec const&) const;
  /// The first parameter whose gradient holds a NaN or an infinity; -1 when there is none.
  int first_non_finite(Exec const&) const;

private:
  std::vector<double> squares(Exec const&) const;

  DType dtype_;
  std::vector<Array> buckets_, slice_;
  std::vector<char> present_;
};

} // namespace rossby
