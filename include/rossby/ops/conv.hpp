#pragma once
/// \file
/// 'Valid' convolutions over channels-last arrays whose border an index map has supplied.

#include <rossby/core/array.hpp>

namespace rossby::ops {

/// A square kernel of width `kernel` moved by `stride`. A border wider than this kernel needs (branches of a
/// cross-embedding share the widest one) is skipped by `offset` rows and columns at the top and left.
struct ConvShape {
  index_t kernel, stride, offset;
};

/// y[b, i, j, channel0 + o] = bias[o] + scale sum_{p,q,c} w[o,p,q,c] x[b, offset + i stride + p, offset + j stride + q,
/// c] x: [B, H, W, in], w: [out, kernel, kernel, in], y: [B, H', W', channel0 + out or more]. `bias` may be empty.
void conv_forward(Exec const&, ConvShape, Array const& x, Array const& w, double scale, Array const& bias,
                  Array const& y, index_t channel0);

/// Adds into dx (shape of x), dw (the gradient of the scaled weight) and dbias, each unless empty.
void conv_backward(Exec const&, ConvShape, Array const& x, Array const& w, double scale, Array const& dy,
                   index_t channel0, Array const& dx, Array const& dw, Array const& dbias);

} // namespace rossby::ops
