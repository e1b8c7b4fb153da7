#pragma once
/// \file
/// What every model offers to the trainer, the forecaster and `apply`.

#include <rossby/autograd/parameters.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/dist/tiling.hpp>
#include <rossby/models/precision.hpp>
#include <rossby/models/pyramid/tiles.hpp>
#include <rossby/models/spec.hpp>
#include <rossby/nn/weights.hpp>

#include <functional>
#include <memory>
#include <string>

namespace rossby {

/// Called with the name and value of each intermediate stage ("embed0", "encoder0", "up_block1", ...).
using StageObserver = std::function<void(std::string const& name, Var const& value, Tiling const& tiling)>;

/// How ranks share a model and its samples; see rossby/parallel.hpp, whose functions fill it in. One rank by default.
struct ModelLayout {
  Communicator spatial; ///< ranks of one sample, arranged as `grid` says
  ProcessGrid grid;
  ParameterPlacement parameters;
};

class Model {
public:
  virtual ~Model() = default;
  /// What it takes and gives.
  virtual FieldShape const& fields() const = 0;

  /// Declared at construction, not yet stored.
  Parameters& parameters() { return parameters_; }
  Parameters const& parameters() const { return parameters_; }
  /// Pairs of layers that a tensor group can share.
  virtual std::vector<TensorBlock> const& tensor_blocks() const = 0;

  ModelLayout const& layout() const { return layout_; }
  /// Before allocate().
  void set_layout(ModelLayout const&);
  /// Plans how data moves between the tiles of the layout, then stores the parameters, each rank its part, with their
  /// initial values. Call it once. Collective over the ranks of the layout.
  void allocate(Exec const&, Precision const&, std::uint64_t seed);

  /// How the ranks of the spatial group share the input grid and the output grid. After allocate().
  virtual Tiling const& input_tiling() const = 0;
  virtual Tiling const& output_tiling() const = 0;
  /// How a process grid would cut the input grid, and the coarsest, whose cells are never cut. Asks no rank.
  /// \throws Error when a rank would get no coarse cell, naming a process grid that fits.
  struct Cut {
    Tiling input, coarsest;
  };
  virtual Cut cut(ProcessGrid const&) const = 0;

  /// One forward pass over this rank's tile. `x` is [batch, rows, columns, input channel], the channel of variable c
  /// and frame t being c * frames + t; the result is [batch, rows, columns, output channel] on the output tile. In
  /// training mode the spectral-norm vectors take one power step.
  virtual Var forward(Context&, Var const& x) = 0;

  void observe(StageObserver observer) { observer_ = std::move(observer); }
  /// Keep only the inputs of transformer layers and decoder blocks and compute the rest again in the backward pass.
  void set_activation_checkpoint(bool on) { activation_checkpoint_ = on; }

protected:
  /// Builds what depends on the layout but not on the weights.
  virtual void plan() = 0;

  Parameters parameters_;
  ModelLayout layout_;
  Precision precision_;
  StageObserver observer_;
  bool activation_checkpoint_ = false;
};

} // namespace rossby
