#pragma once
/// \file
/// What every model offers to the trainer, the forecaster and `apply`.

#include <rossby/autograd/parameters.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/dist/tiling.hpp>
#include <rossby/models/config.hpp>

#include <functional>
#include <memory>
#include <string>

namespace rossby {

/// Called with the name and value of each intermediate stage ("embed0", "encoder0", "up_block1", ...).
using StageObserver = std::function<void(std::string const& name, Var const& value, Tiling const& tiling)>;

class Model {
public:
  virtual ~Model() = default;
  virtual ModelConfig const& config() const = 0;

  /// Declared at construction, not yet stored: call parameters().allocate() once.
  Parameters& parameters() { return parameters_; }
  Parameters const& parameters() const { return parameters_; }

  /// How the ranks of the spatial group share the input grid and the output grid.
  virtual Tiling const& input_tiling() const = 0;
  virtual Tiling const& output_tiling() const = 0;

  /// One forward pass over this rank's tile. `x` is [batch, rows, columns, input channel], the channel of variable c
  /// and frame t being c * frames + t; the result is [batch, rows, columns, output channel] on the output tile. In
  /// training mode the spectral-norm vectors take one power step.
  virtual Var forward(Context&, Var const& x) = 0;

  void observe(StageObserver observer) { observer_ = std::move(observer); }
  /// Keep only the inputs of transformer layers and decoder blocks and compute the rest again in the backward pass.
  void set_activation_checkpoint(bool on) { activation_checkpoint_ = on; }

protected:
  Parameters parameters_;
  StageObserver observer_;
  bool activation_checkpoint_ = false;
};

/// Builds the model over the ranks of `spatial`, which share every sample as tiles of a process grid of
/// `rows` x `columns`.
std::unique_ptr<Model> make_model(ModelConfig const&, Communicator const& spatial, int rows, int columns);

} // namespace rossby
