#pragma once
/// \file
/// A linear tape: the list of what a forward pass did, replayed backwards to get gradients.
///
/// Conventions. The objective is the sum over ranks of local terms; a gradient is the derivative of that sum with
/// respect to what this rank holds. Gradients are accumulated (+=) into whatever is there.

#include <rossby/core/array.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// A value in a computation and, during the backward pass, its gradient. Copies are the same variable.
class Var {
public:
  Var() = default;
  explicit Var(Array value, bool needs_grad = false);

  explicit operator bool() const { return static_cast<bool>(data_); }
  Array const& value() const { return data_->value; }
  /// For parameters that come and go; everybody else's values stay.
  void set_value(Array value) const { data_->value = std::move(value); }
  bool needs_grad() const { return data_ && data_->needs_grad; }
  /// The gradient; empty when none has arrived.
  Array const& grad() const { return data_->grad; }
  /// grad += g; takes `g` over as it is when it is the first to arrive (the caller must not write to it again).
  void accumulate(Exec const&, Array const& g) const;
  /// The gradient array, zeroed when none has arrived: for kernels that add into it.
  Array grad_to_add_to(Exec const&) const;
  void drop_grad() const;

  /// From now on the gradient is made in `place`, which holds zeros: one that is there already moves into it. For
  /// parameters, whose gradients are slices of one array. An empty place: in arrays of its own again.
  void keep_grad_in(Exec const&, Array place) const;
  /// Whether the place holds what is left of a gradient that was dropped.
  bool grad_place_is_stale() const { return data_->stale; }

private:
  struct Data {
    Array value, grad;
    bool needs_grad;
    Array place{}; ///< empty: every gradient is an array of its own
    bool stale = false;
  };
  std::shared_ptr<Data> data_;
};

/// Where the gradients of a model's parameters go when a backward pass has made them.
class GradientSink {
public:
  virtual ~GradientSink() = default;
  /// The backward pass has added all that unit `unit` adds to the gradients of its parameters.
  virtual void unit_done(Exec const&, int unit) = 0;
};

/// Records nodes in order and replays them once, backwards. A node is dropped, with all that it saved, as soon as it
/// has been replayed.
class Tape {
public:
  /// `backward` reads `output.grad()` and accumulates into the inputs. It is not called when no gradient arrived.
  /// `saved_bytes` is what the node keeps alive besides inputs and output (for the memory table).
  void record(char const* op, Var output, std::function<void(Exec const&)> backward, std::size_t saved_bytes = 0);
  /// The same for an operation inside of which units end: it is told where gradients go (null: they stay with the
  /// parameters).
  using Action = std::function<void(Exec const&, GradientSink*)>;
  void record_unit(char const* op, Var output, Action backward);
  /// An action of the backward pass that no gradient decides about.
  void record_always(char const* op, Action action);

  /// Seeds `output` with `seed` (same shape) and replays everything. The tape is empty afterwards.
  void backward(Exec const&, Var const& output, Array const& seed, GradientSink* = nullptr);
  std::size_t nodes() const { return nodes_.size(); }
  /// "op  count  MiB saved", largest first.
  std::string memory_table() const;

private:
  struct Node {
    char const* op;
    Var output;
    Action backward;
    std::size_t saved_bytes;
  };
  std::vector<Node> nodes_;
};

/// What a forward pass runs under.
struct Context {
  Exec exec;
  Tape* tape = nullptr;     ///< null: record nothing (forecasts)
  bool training = false;    ///< power iterations and dropout happen only in training
  std::uint64_t seed = 42;  ///< of dropout
  std::uint64_t step = 0;   ///< forward passes so far: the second coordinate of dropout
  index_t first_sample = 0; ///< position of this rank's first sample in the global batch: the third

  bool recording(Var const& a) const { return tape && a.needs_grad(); }
};

} // namespace rossby
