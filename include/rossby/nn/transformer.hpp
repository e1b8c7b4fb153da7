#pragma once
/// \file
/// The transformer layer of WXFormer (CREDIT's wxformer/crossformer.py): short attention, feed-forward, long attention,
/// feed-forward, each x <- f(x) + x.

#include <rossby/nn/weights.hpp>

#include <string>

namespace rossby {

/// Whole windows (or tokens) of one layer, brought onto this rank by an index map.
struct LayerTokens {
  IndexMap const* map;
  index_t windows, tokens; ///< on this rank; per window
  ops::GlobalNumbers numbers;
};

/// What a layer needs to know of the grid it works on; the plans belong to the model.
struct LayerGrid {
  Shape tile; ///< rows and columns of this rank's tile
  LayerTokens short_windows, long_windows;
  /// Cells of the feed-forward: the tile's, or all of the tensor group's when it shares the layer (map is null if not).
  LayerTokens cells;
  int share = 0, shares = 1; ///< this rank's part of the heads and hidden channels
};

struct TransformerConfig {
  index_t dim, dim_head, short_window, long_window;
  double attn_dropout, ff_dropout;
  int stage;
};

/// Gain and bias over channels, stored as [1, C, 1, 1].
class ChannelNorm {
public:
  ChannelNorm(Parameters&, std::string const& name, index_t channels);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  int gain_, bias_;
};

/// The dynamic position bias: an MLP of integer offsets, evaluated on the table of (2w+1)^2 offsets and read with the
/// stride of a (2w-1)^2 table, as trained weights expect.
class PositionBias {
public:
  PositionBias(Parameters&, WeightBook&, std::string const& name, index_t dim, index_t window);
  /// [tokens, tokens]
  Var forward(Context&, PreparedWeights const&) const;

private:
  DType dtype() const { return parameters_->dtype(); }
  Parameters const* parameters_;
  index_t window_;
  int linear_[4], gain_[3], bias_[3];
};

class Attention {
public:
  Attention(Parameters&, WeightBook&, std::string const& name, TransformerConfig const&, index_t window);
  Var forward(Context&, PreparedWeights const&, LayerGrid const&, LayerTokens const&, Var const& x) const;

private:
  std::string name_;
  index_t tokens_, heads_, dim_head_;
  double dropout_;
  ChannelNorm norm_;
  int to_qkv_, to_out_;
  PositionBias position_;
};

class FeedForward {
public:
  FeedForward(Parameters&, WeightBook&, std::string const& name, TransformerConfig const&);
  Var forward(Context&, PreparedWeights const&, LayerGrid const&, Var const& x) const;

private:
  std::string name_;
  index_t hidden_;
  double dropout_;
  ChannelNorm norm_;
  int up_, down_;
};

class TransformerLayer {
public:
  TransformerLayer(Parameters&, WeightBook&, std::string const& name, TransformerConfig const&);
  /// x: [B, rows, cols, dim] on this rank's tile.
  Var forward(Context&, PreparedWeights const&, LayerGrid const&, Var const& x) const;

private:
  Attention short_;
  FeedForward first_;
  Attention long_;
  FeedForward second_;
};

} // namespace rossby
