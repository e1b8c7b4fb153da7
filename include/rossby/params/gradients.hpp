#pragma once
/// \file
/// The gradients of one optimizer step: summed over ranks where backward passes made them, measured, clipped. Each rank
/// has the gradients of the parts of parameters that it stores.

#include <rossby/comm/communicator.hpp>
#include <rossby/params/parameters.hpp>

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

/// Sums over ranks go by buckets, slices of the parameters' array of gradients that hold whole units, so that a step
/// makes few reductions and none of them is huge.
class Gradients {
public:
  explicit Gradients(Parameters const&, std::size_t bucket_bytes = std::size_t{32} << 20);
  Gradients(Gradients const&) = delete; // a backward pass may know where it is
  Gradients& operator=(Gradients const&) = delete;

  /// Lets the sums of a backward pass that is given it start as soon as the units that they are made of are done, and
  /// go on beside the rest of it. For the last pass before collect(): what a later one adds to a unit would be lost.
  class Overlap final : public GradientSink {
  public:
    Overlap(Gradients& gradients, Parameters& parameters) : gradients_(&gradients), parameters_(&parameters) {}
    void unit_done(Exec const&, int unit) override;

  private:
    Gradients* gradients_;
    Parameters* parameters_;
  };
  /// Takes the gradients from the parameters' variables, and sums each over the ranks with a copy of it. (The gradients
  /// of sharded parameters are sums already.) They are there until the next recorded pass. Collective over all ranks of
  /// the placement.
  void collect(Exec const&, Parameters&);

  /// False when no rank's backward pass reached the parameter: it is then left alone by the optimizer.
  bool present(int parameter) const { return present_[static_cast<std::size_t>(parameter)]; }
  /// The summed gradient, in memory order and shaped like the stored part.
  Array of(int parameter) const { return parameters_->slice(parameters_->gradients(), parameter); }
  /// Length of all of them together, all parts of all parameters, in float64, summed in a fixed order. Collective.
  double norm(Exec const&) const;
  /// The first parameter whose gradient holds a NaN or an infinity; -1 when there is none. Collective.
  int first_non_finite(Exec const&) const;

private:
  struct Bucket {
    Communicator copies;
    index_t begin, end;         ///< in the array of gradients
    std::vector<int> members{}; ///< parameters
    std::vector<int> units{};   ///< that hold them
    std::size_t units_done = 0;
    bool started = false;
    Communicator::Exchange sum{};
  };
  void start(Exec const&, Parameters&, Bucket&);
  std::vector<double> squares(Exec const&) const;

  Parameters const* parameters_;
  std::vector<Bucket> buckets_;
  std::vector<double> reached_; ///< 1 for parameters that this rank's backward passes reached
  std::vector<char> present_;
};

} // namespace rossby
