#pragma once
/// \file
/// Sums of contiguous values in several lanes, so that they vectorise without reassociating a plain loop behind the
/// reader's back. The order is fixed by the length alone.

#include <rossby/core/kokkos_compat.hpp>

namespace rossby::ops {

template <class T> KOKKOS_INLINE_FUNCTION T lane_sum(T const* x, index_t n)
{
  constexpr int lanes = 16;
  T part[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l)
      part[l] += x[i + l];
  T sum = 0;
  for (; i < n; ++i)
    sum += x[i];
  for (int l = 0; l < lanes; ++l)
    sum += part[l];
  return sum;
}

/// Sum of (x - shift)^2.
template <class T> KOKKOS_INLINE_FUNCTION T lane_sum_squares(T const* x, index_t n, T shift)
{
  constexpr int lanes = 16;
  T part[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l)
      part[l] += (x[i + l] - shift) * (x[i + l] - shift);
  T sum = 0;
  for (; i < n; ++i)
    sum += (x[i] - shift) * (x[i] - shift);
  for (int l = 0; l < lanes; ++l)
    sum += part[l];
  return sum;
}

} // namespace rossby::ops
