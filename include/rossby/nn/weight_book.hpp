#pragma once
/// \file
/// Weights of linear and convolutional layers, spectrally normalised or not.

#include <rossby/autograd/functions.hpp>
#include <rossby/params/parameters.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// A pair of layers that a tensor group can share: each rank computes some outputs of the first and multiplies the same
/// inputs of the second.
struct TensorBlock {
  std::string name;        ///< module: "layers.0.1.layers.0.0"
  std::string column, row; ///< paths below it: "to_qkv", "to_out"
  index_t indivisible;     ///< what is never cut: attention heads, hidden channels; a degree must divide their number
  char const* what;        ///< their name: "heads"
  index_t sections;        ///< of the first layer's outputs: q, k and v
  int stage;               ///< of the model: `trainer.tensor_whole` names those that are left whole
  std::vector<std::string> along{}; ///< paths of other layers and parameters that have a row for each of its parts
};

/// The parameters of one forward pass: what layers compute with.
class PreparedWeights {
public:
  /// Of a layer with a weight matrix.
  Weight const& operator[](int number) const { return weights_[static_cast<std::size_t>(number)]; }
  /// Any other parameter, by its number.
  Var const& parameter(int number) const { return (*parameters_)[static_cast<std::size_t>(number)]; }
  /// For `unit`: a layer may use its parameters only inside of its unit.
  std::shared_ptr<UnitScope> const& scope(int unit) const { return scopes_[static_cast<std::size_t>(unit)]; }

private:
  friend class WeightBook;
  std::vector<Weight> weights_;
  std::shared_ptr<std::vector<Var> const> parameters_;
  std::vector<std::shared_ptr<UnitScope>> scopes_;
};

/// Declares the parameters of every layer with a weight matrix under CREDIT's names and prepares all of them at once:
/// spectral norm depends on weights only, so one batch of power steps serves a whole forward pass, and a region that is
/// computed again sees the same sigma.
class WeightBook {
public:
  WeightBook(Parameters& parameters, bool spectral) : parameters_(&parameters), spectral_(spectral) {}

  /// `name` is the module's: "layers.0.1.layers.0.0.to_qkv". Without `bias` there is none. `normalised`: spectral norm,
  /// where the model has it. `other_name`: the module's in files of other versions. Returns the weight's number.
  int declare(std::string const& name, Shape shape, ParameterLayout layout, Initial weight, std::optional<Initial> bias,
              bool normalised = true, std::string const& other_name = {});
  /// A weight that is a parameter already: without bias and spectral norm.
  int adopt(int parameter)
  {
    entries_.push_back({parameter, -1, -1, -1});
    return static_cast<int>(entries_.size()) - 1;
  }
  bool spectral() const { return spectral_; }
  void declare(TensorBlock block) { tensor_blocks_.push_back(std::move(block)); }
  std::vector<TensorBlock> const& tensor_blocks() const { return tensor_blocks_; }

  /// In training: one power step v = n(M^T u), u = n(M v), then sigma; in evaluation sigma from the stored vectors.
  /// Each rank multiplies the parts that it stores; a few kernels and two sums over ranks serve all layers.
  std::shared_ptr<PreparedWeights const> prepare(Context&) const;

private:
  struct Entry {
    int weight, bias, u, v; ///< numbers of parameters, -1 for none: without u and v it is not normalised
    bool normalised() const { return u >= 0; }
  };
  struct SpectralPlan;
  std::shared_ptr<SpectralPlan const> spectral_plan(Exec const&) const;
  /// Of all normalised weights, on the device, in float64.
  Array sigmas(Context&, SpectralPlan const&) const;

  Parameters* parameters_;
  bool spectral_;
  std::vector<Entry> entries_;
  std::vector<TensorBlock> tensor_blocks_;
  mutable std::shared_ptr<SpectralPlan const> spectral_plan_; ///< made when it is first needed
};

/// PyTorch's default for linear and convolutional layers: uniform on +-1/sqrt(fan_in), weight and bias.
Initial default_initial(index_t fan_in);

} // namespace rossby
