#pragma once
/// \file
/// Window attention with the angle between queries and keys, a bias for each head, and windows that join edges of the
/// grid (Liu et al., arXiv:2111.09883).

#include <rossby/ops/elementwise.hpp>

namespace rossby::ops {

/// Softmax attention of each window and head:
///   S[p,q] = exp(min(logit_scale, ln 100)) Q[p].K[q] / (|Q[p]| |K[q]|) + bias[p,q] + mask[p,q],
///   P = softmax_q(S),  out[p] = sum_q dropout(P)[p,q] V[q],
/// with lengths of at least 1e-12. Where a window joins the south and the north edge of the grid (its seam is 1 or 3)
/// its last `shift_rows` rows of tokens come from the other side; west and east (2 or 3) likewise: the mask is -100
/// between tokens of different sides, which bounds a score of at most 100 + bias but is not minus infinity.
struct CosineAttention {
  index_t window_rows, window_columns; ///< tokens of a window, row-major
  index_t heads, dim_head;
  index_t shift_rows = 0, shift_columns = 0;
  IndexList seams{};       ///< of the windows of one sample; may be empty when nothing is shifted
  double dropout = 0;      ///< probability of dropping an entry of P
  DropoutKey key{};        ///< used when dropout > 0
  GlobalNumbers windows{}; ///< of the windows of one sample; needed when dropout > 0
  index_t first_head = 0;  ///< of the layer's `all_heads` when a tensor group shares them: for dropout
  index_t all_heads = 0;
  index_t tokens() const { return window_rows * window_columns; }
};

/// qkv: [batch * windows, tokens, 3 heads dim_head], thirds q, k, v, head-major inside each; logit_scale: [heads];
/// bias: [heads, tokens, tokens]; out: [batch * windows, tokens, heads dim_head].
void cosine_attention_forward(Exec const&, CosineAttention const&, Array const& qkv, Array const& logit_scale,
                              Array const& bias, Out out);

/// Writes dqkv and adds into dlogit_scale and dbias. The probabilities are computed again from qkv.
void cosine_attention_backward(Exec const&, CosineAttention const&, Array const& qkv, Array const& logit_scale,
                               Array const& bias, Array const& dout, Out dqkv, Out dlogit_scale, Out dbias);

} // namespace rossby::ops
