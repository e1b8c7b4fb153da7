#pragma once
/// \file
/// What modules are made of: declarations of common layers with PyTorch's initial distributions, and small modules.

#include <rossby/nn/grid_book.hpp>
#include <rossby/nn/weight_book.hpp>

#include <memory>
#include <optional>
#include <string>

namespace rossby {

/// Where the modules of one model declare what they need. They keep references: a model owns its books and stays where
/// it is.
struct Books {
  Parameters& parameters;
  WeightBook& weights;
  GridBook& grids;
};

constexpr double norm_epsilon = 1e-5;

int declare_constant(Parameters&, std::string const& name, Shape shape, double value);
/// A weight [out, in, ...] applied cell by cell.
int declare_linear(WeightBook&, std::string const& name, Shape shape, bool bias = true);
int declare_conv(WeightBook&, std::string const& name, index_t out, index_t in, index_t kernel);
int declare_transposed(WeightBook&, std::string const& name, index_t in, index_t out, index_t kernel);

/// Gain and bias of a norm over channels.
class ChannelNorm {
public:
  /// Stored as [1, C, 1, 1] under `.g` and `.b`, or as [C] under `.weight` and `.bias`.
  enum class Form { image, vector };
  ChannelNorm(Parameters&, std::string const& name, index_t channels, Form = Form::image);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  int gain_, bias_;
};

/// 3x3 convolution of a tile whose border comes from its neighbours. The result is of x's type unless `result` says
/// that it be left in the type of the sums.
Var conv3x3(Context&, BoxMap const& border, Shape const& tile, Weight const&, Var const& x,
            std::optional<DType> result = {});

/// x + twice {3x3 convolution, group norm, SiLU} of x.
class ResidualBlock {
public:
  /// Parameters `<name>.b.0`, `.b.1`, `.b.3`, `.b.4`.
  ResidualBlock(Books const&, std::string const& name, index_t channels, index_t groups, GridId);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  GridBook const* grids_;
  GridId grid_;
  HaloId border_;
  index_t groups_;
  int convolution_[2], gain_[2], bias_[2];
};

/// A stencil that belongs to a module: declared without a device, made on it when it is first needed.
class ModuleStencil {
public:
  ModuleStencil() = default;
  ModuleStencil(index_t targets, index_t sources, std::vector<ops::Stencil::Entry> entries)
      : targets_(targets), sources_(sources), entries_(std::move(entries))
  {
  }
  ops::Stencil const& get(Exec const&) const;

private:
  index_t targets_ = 0, sources_ = 0;
  std::vector<ops::Stencil::Entry> entries_;
  mutable std::shared_ptr<ops::Stencil const> made_;
};

/// One bias per output channel, handed to the four pixels that a pixel shuffle makes of it.
class FourBiases {
public:
  FourBiases() = default;
  explicit FourBiases(index_t out);
  Var forward(Context&, Var const& bias) const;

private:
  ModuleStencil spread_;
};

/// Transposed convolution of kernel 2 and stride 2: each cell makes its own four.
class TransposedDoubling {
public:
  TransposedDoubling() = default;
  TransposedDoubling(WeightBook&, std::string const& name, index_t in, index_t out);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  index_t in_ = 0, out_ = 0;
  int weight_ = -1;
  FourBiases biases_;
};

} // namespace rossby
