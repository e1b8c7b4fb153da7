#pragma once
/// \file
/// Mean and variance in one pass over parts.

#include <rossby/core/kokkos_compat.hpp>

namespace rossby {

/// Count, mean and M2 (the sum of squared deviations) of a set of values. Merged, never subtracted: sums of squares
/// cancel. After Chan, Golub and LeVeque, "Algorithms for computing the sample variance", Am. Stat. 37 (1983).
struct Moments {
  double count = 0, mean = 0, m2 = 0;

  KOKKOS_INLINE_FUNCTION void add(double value)
  {
    count += 1;
    double const from_mean = value - mean;
    mean += from_mean / count;
    m2 += from_mean * (value - mean);
  }
  KOKKOS_INLINE_FUNCTION void merge(Moments const& other)
  {
    if (other.count == 0)
      return;
    double const total = count + other.count, delta = other.mean - mean;
    m2 += other.m2 + delta * delta * count * other.count / total;
    mean += delta * other.count / total;
    count = total;
  }
};

} // namespace rossby
