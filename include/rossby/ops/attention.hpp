#pragma once
/// \file
/// Window attention over window-major arrays: every window's tokens lie together.

#include <rossby/ops/elementwise.hpp>

namespace rossby::ops {

/// Softmax attention of each window and head:
///   S[p,q] = dim_head^-1/2 Q[p].K[q] + bias[p,q],  P = softmax_q(S),  out[p] = sum_q dropout(P)[p,q] V[q].
struct WindowAttention {
  index_t tokens; ///< per window
  index_t heads, dim_head;
  double dropout = 0;      ///< probability of dropping an entry of P
  DropoutKey key{};        ///< used when dropout > 0
  GlobalNumbers windows{}; ///< of the windows of one sample; needed when dropout > 0
  index_t first_head = 0;  ///< of the layer's `all_heads` (0: no others) when a tensor group shares them: for dropout
  index_t all_heads = 0;
};

/// qkv: [batch * windows, tokens, 3 heads dim_head], thirds q, k, v, head-major inside each; bias: [tokens, tokens],
/// one table for all heads; out: [batch * windows, tokens, heads dim_head].
void window_attention_forward(Exec const&, WindowAttention const&, Array const& qkv, Array const& bias, Out out);

/// Writes dqkv and adds into dbias. The probabilities are computed again from qkv: no map of them is ever stored.
void window_attention_backward(Exec const&, WindowAttention const&, Array const& qkv, Array const& bias,
                               Array const& dout, Out dqkv, Out dbias);

} // namespace rossby::ops
