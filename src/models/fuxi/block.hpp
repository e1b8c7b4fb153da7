#pragma once
/// \file
/// A block of Swin Transformer V2 (Liu et al., CVPR 2022) as timm writes it: norms follow the branches.

#include <rossby/nn/layers.hpp>

#include <memory>
#include <string>

namespace rossby::fuxi {

struct BlockConfig {
  GridId grid;
  index_t dim, heads;
  index_t window_rows, window_columns; ///< tokens of a window
  index_t shift_rows, shift_columns;
  double proj_drop, attn_drop, drop_path;
};

/// A bias for each pair of tokens of a window and head: 16 sigmoid of an MLP of the logarithm of their offset.
class OffsetBias {
public:
  OffsetBias(Books const&, std::string const& name, BlockConfig const&);
  /// Of the `heads` that this rank has: [heads, tokens, tokens].
  Var forward(Context&, PreparedWeights const&, index_t heads) const;

private:
  struct Plans;
  DType dtype() const { return parameters_->dtype(); }
  Parameters const* parameters_;
  index_t rows_, columns_;
  int first_, second_;
  mutable std::shared_ptr<Plans const> plans_; ///< made in the first forward pass, when the share of heads is known
};

class Attention {
public:
  Attention(Books const&, std::string const& name, BlockConfig const&);
  /// The branch without its norm.
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  Var qkv_bias(Context&, PreparedWeights const&) const;
  std::string name_;
  GridBook const* grids_;
  BlockConfig config_;
  WindowsId windows_;
  CellsId cells_;
  int logit_scale_, q_bias_, v_bias_;
  OffsetBias bias_;
  int qkv_, proj_;
};

class FeedForward {
public:
  FeedForward(Books const&, std::string const& name, BlockConfig const&);
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  std::string name_;
  GridBook const* grids_;
  BlockConfig config_;
  CellsId cells_, own_cells_;
  int up_, down_;
};

class SwinBlock {
public:
  SwinBlock(Books const&, std::string const& name, BlockConfig const&);
  /// x: [B, rows, columns, dim] on this rank's tile of the tokens.
  Var forward(Context&, PreparedWeights const&, Var const& x) const;

private:
  std::string name_;
  double drop_path_;
  Attention attention_;
  ChannelNorm first_norm_;
  FeedForward feed_forward_;
  ChannelNorm second_norm_;
};

} // namespace rossby::fuxi
