#pragma once
/// \file
/// Autoregression step after step, on the device, with the fields in a program's own hands.

#include <rossby/autograd/tape.hpp>
#include <rossby/core/box.hpp>
#include <rossby/data/batch.hpp>

#include <memory>

namespace rossby {

class Communicator;
struct DataPlan;
class Model;
class Postblocks;
class Session;

/// From batches to the model's input: the newest frame of a step's input is made of the output before (in the next
/// input's normalisation), of new forcing, and of static fields that stay.
class Rollout {
public:
  /// The session's model on its data. Collective over the session's ranks.
  explicit Rollout(Session&);
  /// Collective over the ranks of `spatial`, which share every sample as the model's tiles.
  Rollout(DataPlan const&, Model&, Communicator const& spatial);
  ~Rollout();
  Rollout(Rollout&&) noexcept;
  Rollout& operator=(Rollout&&) noexcept;

  /// Cells that batches must bring.
  Box const& tile() const;
  Box const& output_tile() const;

  /// [samples, rows, columns, channels * frames] on the input tile.
  Array first_input(Exec const&, DType, BatchStep const&) const;
  Array next_input(Exec const&, Array const& input, Array const& output, BatchStep const&) const;
  /// The model's output within data.data_clamp, and without land where the deck masks it.
  Var clamp_output(Context&, Var const& output) const;
  /// Truth of the schema's output channels on the output tile.
  Array target(Exec const&, DType, BatchStep const&, bool physical) const;
  /// The newest frame of an input in physical units, [samples, cells, input channels] on the output tile.
  Array physical_input(Exec const&, Array const& input) const;

  Model& model() const;
  /// For the library's own.
  Postblocks const& postblocks() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One batch's rollout under way: the input of a step, and the model's output for it. Training, validation, forecasts
/// and host programs go through it.
class RolloutUnderWay {
public:
  /// Refers to the rollout.
  explicit RolloutUnderWay(Rollout const& rollout) : rollout_(&rollout) {}

  /// Makes the input of a step: at the batch's first step all of it is the batch's; later the output before and the
  /// batch's forcing enter.
  void feed(Exec const&, BatchStep const&);
  /// The model's output for it within data.data_clamp, [samples, rows, columns, C] on the output tile.
  Var step(Context&);
  /// The same for any input, without a step being made.
  Var again(Context&, Array const& input) const;

  Array const& input() const { return input_; }
  Array const& output() const { return output_.value(); }

  /// The step's output through the postblocks, in physical units, with the channels that they add.
  Var const& physical(Context&);
  /// What a loss on normalised values compares: the output, or what flatten_to_tensor makes of physical().
  Var flat(Context&);
  /// What it is compared with, as flat() or physical() has it; in physical units also with the channels that postblocks
  /// add, if these are compared too.
  Array truth(Exec const&, BatchStep const&, bool physical, bool with_added);

private:
  Array const& physical_input(Exec const&);
  Rollout const* rollout_;
  Array input_, physical_input_;
  Var output_, physical_;
};

} // namespace rossby
