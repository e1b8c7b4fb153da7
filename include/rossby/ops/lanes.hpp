#pragma once
/// \file
/// Sums in several lanes, so that they vectorise without reassociating a plain loop behind the reader's back. The order
/// is fixed by the length alone.

#include <rossby/core/dtype.hpp>

namespace rossby::ops {

/// term(0) + ... + term(n - 1) in T.
template <class T, class Term> KOKKOS_INLINE_FUNCTION T lane_sum(index_t n, Term const& term)
{
  constexpr int lanes = 16;
  T part[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l)
      part[l] += term(i + l);
  T sum = 0;
  for (; i < n; ++i)
    sum += term(i);
  for (int l = 0; l < lanes; ++l)
    sum += part[l];
  return sum;
}

} // namespace rossby::ops
