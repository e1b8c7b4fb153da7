#pragma once
/// \file
/// The dot-product test of a linear operator and its adjoint: <F x, y> = <x, F* y>, summed over a group of ranks.

#include <rossby/comm/communicator.hpp>

#include <algorithm>
#include <cmath>

namespace rossby::test {

/// The difference of the two products, relative to the larger of |F x| |y| and |x| |F* y|. `Fx` is F x, `Ay` is F* y.
inline double adjoint_defect(Communicator const& group, Array const& x, Array const& y, Array const& Fx,
                             Array const& Ay)
{
  auto const dot = [](Array const& a, Array const& b) {
    auto const u = a.to_host(Exec()), v = b.to_host(Exec());
    double sum = 0;
    for (std::size_t i = 0; i < u.size(); ++i)
      sum += u[i] * v[i];
    return sum;
  };
  double s[6] = {dot(Fx, y), dot(x, Ay), dot(Fx, Fx), dot(y, y), dot(x, x), dot(Ay, Ay)};
  group.all_reduce_sum(s, 6);
  double const size = std::max(std::sqrt(s[2] * s[3]), std::sqrt(s[4] * s[5]));
  return size == 0 ? 0 : std::abs(s[0] - s[1]) / size;
}

} // namespace rossby::test
