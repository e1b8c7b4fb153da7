#include "ops/spectral.hpp"
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;

Values times(Values const& m, index_t rows, index_t cols, Values const& x, bool transposed)
{
  Values y(at(transposed ? cols : rows), 0.0);
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < cols; ++j)
      y[at(transposed ? j : i)] += m[at(i * cols + j)] * x[at(transposed ? i : j)];
  return y;
}

double dot(Values const& a, Values const& b)
{
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

Values normalised(Values z)
{
  double const length = std::max(std::sqrt(dot(z, z)), 1e-12);
  for (double& e : z)
    e /= length;
  return z;
}

/// One power step with the whole matrix on this rank, or sigma alone.
void power_step(Array const& m, bool iterate, Array const& u, Array const& v, Array const& sigma)
{
  Exec const exec;
  if (iterate) {
    Array const right = unwritten(m.dtype(), {v.size()});
    ops::spectral_transposed_product(exec, m, u, right);
    ops::spectral_normalise(exec, right, v);
  }
  Array const image = unwritten(m.dtype(), {u.size()});
  ops::spectral_product(exec, m, v, image);
  if (iterate)
    ops::spectral_normalise(exec, image, u);
  ops::spectral_sigma(exec, u, image, sigma);
}

TEST(SpectralNorm, OnePowerStep)
{
  for (DType const type : {DType::float64, DType::float32})
    for (auto const& s : {Shape{6, 4}, Shape{3, 11}, Shape{1, 5}}) {
      Array const m = random_array(type, s, 1), u = random_array(type, {s[0]}, 2), v = random_array(type, {s[1]}, 3),
                  sigma = unwritten(type, {1});
      auto const hm = m.to_host(Exec()), hu = u.to_host(Exec()), hv = v.to_host(Exec());
      // Without a step the vectors stay, whatever their length.
      power_step(m, false, u, v, sigma);
      expect_close(sigma, {dot(hu, times(hm, s[0], s[1], hv, false))});
      EXPECT_EQ(u.to_host(Exec()), hu);
      EXPECT_EQ(v.to_host(Exec()), hv);

      power_step(m, true, u, v, sigma);
      auto const v_wanted = normalised(times(hm, s[0], s[1], hu, true)), image = times(hm, s[0], s[1], v_wanted, false);
      expect_close(v, v_wanted);
      expect_close(u, normalised(image));
      expect_close(sigma, {std::sqrt(dot(image, image))});
    }
}

TEST(SpectralNorm, ConvergesToTheLargestSingularValue)
{
  // Orthogonal rows of lengths 3, 2 and 1.
  Array const m = Array::from_host(Exec(), DType::float64, {3, 4}, {0, 3, 0, 0, 0, 0, 0, -2, 1, 0, 0, 0});
  Array const u = random_array(DType::float64, {3}, 1), v = random_array(DType::float64, {4}, 2),
              sigma = unwritten(DType::float64, {1});
  for (int i = 0; i < 60; ++i)
    power_step(m, true, u, v, sigma);
  EXPECT_NEAR(sigma.to_host(Exec())[0], 3, 1e-13);
}

TEST(SpectralNorm, ZeroWeightStaysFinite)
{
  Array const m = Array::zeros(Exec(), DType::float32, {3, 4}), u = random_array(DType::float32, {3}, 1),
              v = random_array(DType::float32, {4}, 2), sigma = unwritten(DType::float32, {1});
  power_step(m, true, u, v, sigma);
  EXPECT_EQ(sigma.to_host(Exec())[0], 0);
  EXPECT_EQ(u.to_host(Exec()), Values(3, 0.0));
}

TEST(SpectralNorm, GradientOfTheNormalisedWeight)
{
  Array const u = Array::from_host(Exec(), DType::float64, {5}, normalised(random_values(5, 2))),
              v = Array::from_host(Exec(), DType::float64, {4}, normalised(random_values(4, 3))),
              sigma = unwritten(DType::float64, {1});
  // u and v are constants, as in PyTorch; they need not be the singular vectors.
  check_gradients(
      {random_array(DType::float64, {5, 4}, 1)},
      [&](Arrays const& in) {
        power_step(in[0], false, u, v, sigma);
        auto w = in[0].to_host(Exec());
        for (double& e : w)
          e /= sigma.to_host(Exec())[0];
        return Array::from_host(Exec(), DType::float64, {5, 4}, w);
      },
      [&](Arrays const& in, Array const& g) {
        power_step(in[0], false, u, v, sigma);
        Array const dm = sum_begun(in[0]), product = unwritten(DType::float64, {1});
        ops::spectral_inner_product(Exec(), in[0], g, product);
        ops::spectral_backward(Exec(), u, v, sigma.to_host(Exec())[0], product, g, dm);
        return Arrays{added(dm)};
      });
}

} // namespace
} // namespace rossby
