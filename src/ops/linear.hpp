#pragma once
/// \file
/// Linear layers over tokens; 1x1 convolutions of channels-last fields are the same thing.

#include <rossby/ops/scale.hpp>

namespace rossby::ops {

/// y[n, out] = scale x[n, in] w[out, in]^T + bias[out]. `bias` may be empty. With x and y in bfloat16, weights and bias
/// are float32; products take weights rounded to bfloat16 and add up in float32.
void linear_forward(Exec const&, Array const& x, Array const& w, Scale const&, Array const& bias, Out y);

/// Writes `dx` and adds into `dw` and `dbias`, each unless empty. `dw` is the gradient of the scaled weight. dx is
/// of dy's type, what is added into of the wide type.
void linear_backward(Exec const&, Array const& x, Array const& w, Scale const&, Array const& dy, Out dx, Out dw,
                     Out dbias);

/// dbias += sum of dy over tokens, where nothing else of the layer has a gradient to compute.
void bias_backward(Exec const&, Array const& dy, Out dbias);

} // namespace rossby::ops
