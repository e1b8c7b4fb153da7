#pragma once
/// \file
/// A transformer layer with short and long windows (Wang et al., ICLR 2022): short attention, feed-forward, long
/// attention, feed-forward, each x <- f(x) + x.

#include <rossby/nn/layers.hpp>

#include <string>

namespace rossby {

struct TransformerConfig {
  GridId grid;
  index_t dim, dim_head, short_window, long_window;
  double attn_dropout, ff_dropout;
  int stage;
};

/// The dynamic position bias: an MLP of integer offsets, evaluated on the table of (2w+1)^2 offsets and read with the
/// stride of a (2w-1)^2 table, as trained weights expect.
class PositionBias {
public:
  PositionBias(Parameters&, WeightBook&, std::string const& name, index_t dim, index_t window);
  /// [tokens, tokens]
  Var forward(Context&, PreparedWeights const&) const;

private:
  Parameters const* parameters_;
  index_t window_;
  ModuleStencil from_table_; ///< which of the offsets' biases each pair of tokens has
  mutable Array offsets_;    ///< [offsets, 2], made when first needed
  int linear_[4], gain_[3], bias_[3];
};

class Attention {
public:
  Attention(Books const&, std::string const& name, TransformerConfig const&, WindowLayout const&);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  std::string name_;
  GridBook const* grids_;
  GridId grid_;
  int stage_;
  WindowsId windows_;
  index_t tokens_, heads_, dim_head_;
  double dropout_;
  ChannelNorm norm_;
  int to_qkv_, to_out_;
  PositionBias position_;
};

class FeedForward {
public:
  FeedForward(Books const&, std::string const& name, TransformerConfig const&);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  std::string name_;
  GridBook const* grids_;
  GridId grid_;
  int stage_;
  CellsId cells_;
  index_t hidden_;
  double dropout_;
  ChannelNorm norm_;
  int up_, down_;
};

class TransformerLayer {
public:
  TransformerLayer(Books const&, std::string const& name, TransformerConfig const&);
  /// x: [B, rows, cols, dim] on this rank's tile.
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  Attention short_;
  FeedForward first_;
  Attention long_;
  FeedForward second_;
};

} // namespace rossby
