#pragma once
/// \file
/// Normalisations over channels-last arrays.

#include "core/moments.hpp"

#include <rossby/core/array.hpp>

#include <vector>

namespace rossby::ops {

/// Channel norm (CREDIT's LayerNorm): over the last axis of every cell, y = (x - mean)/sqrt(var + eps) gain + bias with
/// the biased variance. x, y: [..., C].
void channel_norm_forward(Exec const&, Array const& x, Array const& gain, Array const& bias, double eps, Out y);
/// Writes dx unless empty; adds into dgain and dbias unless empty.
void channel_norm_backward(Exec const&, Array const& x, Array const& gain, double eps, Array const& dy, Out dx,
                           Out dgain, Out dbias);

/// Local moments of every sample and group of x [B, n, C]; group g holds channels [g C/G, (g+1) C/G). Row-major [B, G].
std::vector<Moments> group_moments(Exec const&, Array const& x, index_t groups);

/// y = (x - mean) rstd gain + bias with the group's `mean` and `rstd`, both [B, G].
void group_norm_apply(Exec const&, Array const& x, Array const& mean, Array const& rstd, Array const& gain,
                      Array const& bias, Out y);

/// Per sample and channel the local sums of dy and of dy xhat: what dgain, dbias and the cross-cell terms of dx are
/// made of. Both results [B, C].
void group_norm_sums(Exec const&, Array const& x, Array const& mean, Array const& rstd, Array const& dy, Out sum_dy,
                     Out sum_dy_xhat);

/// dx = (gain dy - m1 - xhat m2) rstd, where m1 and m2 [B, G] are the global means of gain dy and gain dy xhat.
void group_norm_input_gradient(Exec const&, Array const& x, Array const& mean, Array const& rstd, Array const& gain,
                               Array const& dy, Array const& m1, Array const& m2, Out dx);

} // namespace rossby::ops
