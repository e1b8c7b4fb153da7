#pragma once
/// \file
/// Normalisations over channels-last arrays.

#include <rossby/core/array.hpp>

namespace rossby::ops {

/// Channel norm (CREDIT's LayerNorm): over the last axis of every cell, y = (x - mean)/sqrt(var + eps) gain + bias with
/// the biased variance. x, y: [..., C].
void channel_norm_forward(Exec const&, Array const& x, Array const& gain, Array const& bias, double eps, Out y);
/// Writes dx unless empty; adds into dgain and dbias unless empty.
void channel_norm_backward(Exec const&, Array const& x, Array const& gain, double eps, Array const& dy, Out dx,
                           Out dgain, Out dbias);

/// Local moments (core/moments.hpp: count, mean, M2) of every sample and group of x [B, n, C]; group g holds channels
/// [g C/G, (g+1) C/G). float64 [B, G, 3].
Array group_moments(Exec const&, Array const& x, index_t groups);

/// What the moments of all tiles [tiles, B, G, 3], merged in their order, come to: mean, rstd = 1/sqrt(var + eps) with
/// the biased variance, both of a wide type, and the values per sample and group, float64; all [B, G].
void group_statistics(Exec const&, Array const& all, double eps, Out mean, Out rstd, Out count);

/// y = (x - mean) rstd gain + bias with the group's `mean` and `rstd`, both [B, G].
void group_norm_apply(Exec const&, Array const& x, Array const& mean, Array const& rstd, Array const& gain,
                      Array const& bias, Out y);

/// Per sample and channel the local sums of dy and of dy xhat: what dgain, dbias and the cross-cell terms of dx are
/// made of. Both results [B, C].
void group_norm_sums(Exec const&, Array const& x, Array const& mean, Array const& rstd, Array const& dy, Out sum_dy,
                     Out sum_dy_xhat);

/// From these sums the tile's terms of m1 and m2, the global means of gain dy and gain dy xhat: float64 [2, B, G].
void group_norm_means(Exec const&, Array const& gain, Array const& sum_dy, Array const& sum_dy_xhat, Array const& count,
                      Out means);

/// dx = (gain dy - m1 - xhat m2) rstd, with `means` of all tiles.
void group_norm_input_gradient(Exec const&, Array const& x, Array const& mean, Array const& rstd, Array const& gain,
                               Array const& dy, Array const& means, Out dx);

} // namespace rossby::ops
