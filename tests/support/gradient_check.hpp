#pragma once
/// \file
/// Gradients against finite differences, in float64.

#include <support/arrays.hpp>

#include <functional>

namespace rossby::test {

using Arrays = std::vector<Array>;

/// Compares `backward` with differences of L(inputs) = <weights, forward(inputs)> for random weights, along random
/// directions of each input: a wrong element of a gradient shows in every direction. The fourth-order difference
/// (Abramowitz and Stegun 25.3.6) with the default step leaves 1e-11 or so; functions with kinks need a smaller one.
/// `backward(inputs, dy)` returns one gradient per input; an empty array stands for zero.
inline void check_gradients(Arrays const& inputs, std::function<Array(Arrays const&)> const& forward,
                            std::function<Arrays(Arrays const&, Array const&)> const& backward, double tolerance = 1e-8,
                            double step = 2e-3)
{
  Array const y = forward(inputs);
  auto const weights = random_values(y.size(), 4711);
  auto const objective = [&](std::size_t moved, Values const& values) {
    Arrays at_point = inputs;
    at_point[moved] = Array::from_host(Exec(), DType::float64, inputs[moved].shape(), values);
    auto const out = forward(at_point).to_host(Exec());
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      sum += weights[i] * out[i];
    return sum;
  };
  auto const gradients = backward(inputs, Array::from_host(Exec(), DType::float64, y.shape(), weights));
  ASSERT_EQ(gradients.size(), inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    auto const x = inputs[k].to_host(Exec()), g = gradients[k] ? gradients[k].to_host(Exec()) : Values(x.size(), 0.0);
    ASSERT_EQ(g.size(), x.size());
    for (std::uint64_t attempt = 0; attempt < 3; ++attempt) {
      auto const d = random_values(inputs[k].size(), 100 * k + attempt);
      double along = 0, g2 = 0, d2 = 0;
      for (std::size_t i = 0; i < g.size(); ++i)
        along += g[i] * d[i], g2 += g[i] * g[i], d2 += d[i] * d[i];
      double const h = step / std::sqrt(d2);
      auto const moved = [&](double steps) {
        auto z = x;
        for (std::size_t i = 0; i < z.size(); ++i)
          z[i] += steps * h * d[i];
        return objective(k, z);
      };
      double const difference = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * h);
      EXPECT_LE(std::abs(along - difference), tolerance * std::max(1.0, std::sqrt(g2 * d2)))
          << "input " << k << ": backward says " << along << ", differences say " << difference;
    }
  }
}

} // namespace rossby::test
