#pragma once
/// \file
/// 'Valid' convolutions over channels-last arrays whose border an index map has supplied.

#include <rossby/core/box.hpp>
#include <rossby/ops/scale.hpp>

#include <functional>
#include <vector>

namespace rossby::ops {

/// The cells of an operation that are its turn. Turns that don't overlap may be taken one after another, in any
/// order, each as soon as its inputs are there.
struct Turn {
  Box cells;
  std::function<void()> meanwhile{}; ///< called between blocks of the work, by the host: for messages under way
};

/// A square kernel of width `kernel` moved by `stride`. A border wider than this kernel needs (branches of a
/// cross-embedding share the widest one) is skipped by `offset` rows and columns at the top and left.
struct ConvShape {
  index_t kernel, stride, offset;
};

/// All cells of y [B, H', W', ...].
inline Turn all_of(Array const& y) { return {{0, y.extent(1), 0, y.extent(2)}}; }
/// The cells of a result of rows x cols that need nothing but the cells `input` of x, for all of these kernels.
Box cells_needing_only(std::vector<ConvShape> const&, Box const& input, index_t rows, index_t cols);

/// y[b, i, j, channel0 + o] = bias[o] + scale sum_{p,q,c} w[o,p,q,c] x[b, offset + i stride + p, offset + j stride + q,
/// c] for the turn's cells (i, j). x: [B, H, W, in], w: [out, kernel, kernel, in], y: [B, H', W', channel0 + out or
/// more]. `bias` may be empty.
/// With x in bfloat16, weights and bias are float32 and y is bfloat16 or, not rounded, float32; products take weights
/// rounded to x's type and add up in float32.
void conv_forward(Exec const&, ConvShape, Array const& x, Array const& w, Scale const&, Array const& bias, Out y,
                  index_t channel0, Turn const&);

/// Adds into dx (shape of x, of the wide type) what the turn's cells of dy give.
void conv_input_backward(Exec const&, ConvShape, Array const& w, Scale const&, Array const& dy, index_t channel0,
                         Out dx, Turn const&);

/// Adds into dw (the gradient of the scaled weight) and dbias, of the wide type, each unless empty. dy is of x's type.
void conv_weight_backward(Exec const&, ConvShape, Array const& x, Array const& dy, index_t channel0, Out dw, Out dbias,
                          std::function<void()> const& meanwhile = {});

} // namespace rossby::ops
