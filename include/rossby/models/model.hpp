#pragma once
/// \file
/// What every model offers to the trainer, the forecaster and `apply`.

#include <rossby/comm/communicator.hpp>
#include <rossby/dist/process_grid.hpp>
#include <rossby/dist/tiling.hpp>
#include <rossby/models/precision.hpp>
#include <rossby/models/spec.hpp>
#include <rossby/nn/layers.hpp>
#include <rossby/params/parameters.hpp>

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

/// A model declares its parameters, its grids and how cells move between them as it is constructed; only allocate()
/// stores and builds anything.
class Model {
public:
  virtual ~Model() = default;
  Model(Model const&) = delete; // modules refer to its books
  Model& operator=(Model const&) = delete;

  /// What it takes and gives.
  FieldShape const& fields() const { return fields_; }
  Parameters& parameters() { return parameters_; }
  Parameters const& parameters() const { return parameters_; }
  /// Pairs of layers that a tensor group can share.
  std::vector<TensorBlock> const& tensor_blocks() const { return weights_.tensor_blocks(); }
  GridBook const& grids() const { return grids_; }

  ModelLayout const& layout() const { return layout_; }
  /// Before allocate().
  void set_layout(ModelLayout const&);
  /// Plans how data moves between the tiles of the layout, then stores the parameters, each rank its part, with their
  /// initial values. Call it once. Collective over the ranks of the layout.
  void allocate(Exec const&, Precision const&, std::uint64_t seed);

  /// How the ranks of the spatial group share the input grid and the output grid. After allocate().
  Tiling const& input_tiling() const { return grids_[input_grid_]; }
  Tiling const& output_tiling() const { return grids_[output_grid_]; }
  /// How a process grid would cut the input grid, and the coarsest, whose cells are never cut. Asks no rank.
  /// \throws Error when a rank would get no coarse cell, naming a process grid that fits.
  struct Cut {
    Tiling input, coarsest;
  };
  Cut cut(ProcessGrid const&) const;

  /// One forward pass over this rank's tile. `x` is [batch, rows, columns, input channel], the channel of variable c
  /// and frame t being c * frames + t; the result is [batch, rows, columns, output channel] on the output tile. In
  /// training mode the spectral-norm vectors take one power step.
  virtual Var forward(Context&, Var const& x) = 0;

  void observe(StageObserver observer) { observer_ = std::move(observer); }
  /// Keep only the inputs of transformer layers and decoder blocks and compute the rest again in the backward pass.
  void set_activation_checkpoint(bool on) { activation_checkpoint_ = on; }

protected:
  Model(FieldShape const& fields, bool spectral_norm) : weights_(parameters_, spectral_norm), fields_(fields) {}
  Books books() { return {parameters_, weights_, grids_}; }
  /// Of a constructor: on which of the declared grids the input and the output lie.
  void set_grids(GridId input, GridId output)
  {
    input_grid_ = input;
    output_grid_ = output;
  }
  void show(std::string const& name, Var const& value, GridId grid) const
  {
    if (observer_)
      observer_(name, value, grids_[grid]);
  }
  /// A unit of the model: `body` may use the parameters declared since begin_unit() returned `number`.
  Var unit(Context&, std::shared_ptr<PreparedWeights const> const&, int number, bool checkpoint, Var const& x,
           std::function<Var(Context&, PreparedWeights const&, Var const&)> body) const;

  Parameters parameters_;
  WeightBook weights_;
  GridBook grids_;
  ModelLayout layout_;
  Precision precision_;
  StageObserver observer_;
  bool activation_checkpoint_ = false;

private:
  FieldShape fields_;
  GridId input_grid_, output_grid_;
};

} // namespace rossby
