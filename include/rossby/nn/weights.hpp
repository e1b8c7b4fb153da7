#pragma once
/// \file
/// Weights of linear and convolutional layers, spectrally normalised or not.

#include <rossby/autograd/functions.hpp>
#include <rossby/autograd/parameters.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// The weights of one forward pass: what layers multiply with.
class PreparedWeights {
public:
  Weight const& operator[](int number) const { return list_[static_cast<std::size_t>(number)]; }

private:
  friend class WeightBook;
  std::vector<Weight> list_;
};

/// Declares the parameters of every layer with a weight matrix under CREDIT's names and prepares all of them at once:
/// spectral norm depends on weights only, so one batch of power steps serves a whole forward pass, and a region that is
/// computed again sees the same sigma.
class WeightBook {
public:
  WeightBook(Parameters& parameters, bool spectral) : parameters_(&parameters), spectral_(spectral) {}

  /// `name` is the module's: "layers.0.1.layers.0.0.to_qkv". Without `bias` there is none. Returns the weight's number.
  int declare(std::string const& name, Shape shape, ParameterLayout layout, Initial weight,
              std::optional<Initial> bias);

  /// In training: one power step v = n(M^T u), u = n(M v), then sigma; in evaluation sigma from the stored vectors.
  std::shared_ptr<PreparedWeights const> prepare(Context&) const;

private:
  struct Entry {
    int weight, bias, u, v;
  };
  Parameters* parameters_;
  bool spectral_;
  std::vector<Entry> entries_;
};

/// PyTorch's default for linear and convolutional layers: uniform on +-1/sqrt(fan_in), weight and bias.
Initial default_initial(index_t fan_in);

} // namespace rossby
