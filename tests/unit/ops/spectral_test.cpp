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

/// One matrix; its vectors lie in an array, u in front.
struct OneMatrix {
  index_t rows, columns;
  ops::SpectralTable table{Exec(), 1, {{0, 0, rows, columns, 0, rows}}};
  ops::Pieces left{Exec(), {0}, {rows}}, right{Exec(), {rows}, {rows + columns}};

  Array u_of(Array const& vectors) const { return vectors.slice(0, {rows}); }
  Array v_of(Array const& vectors) const { return vectors.slice(rows, {columns}); }
  Array random_vectors(DType type) const
  {
    Array const vectors = unwritten(type, {rows + columns});
    u_of(vectors).copy_from(Exec(), random_array(type, {rows}, 2));
    v_of(vectors).copy_from(Exec(), random_array(type, {columns}, 3));
    return vectors;
  }
  /// One power step with the whole matrix on this rank, or sigma alone.
  Array power_step(Array const& m, bool iterate, Array const& vectors) const
  {
    Exec const exec;
    Array const images = unwritten(m.dtype(), vectors.shape()), sigma = unwritten(DType::float64, {1});
    if (iterate) {
      ops::spectral_transposed_products(exec, table, m, vectors, images);
      ops::spectral_normalise(exec, right, images, vectors);
    }
    ops::spectral_products(exec, table, m, vectors, images);
    if (iterate)
      ops::spectral_normalise(exec, left, images, vectors);
    ops::spectral_sigmas(exec, left, vectors, images, sigma);
    return sigma;
  }
};

TEST(SpectralNorm, OnePowerStep)
{
  for (DType const type : {DType::float64, DType::float32})
    for (auto const& s : {Shape{6, 4}, Shape{3, 11}, Shape{1, 5}, Shape{150, 37}}) { // the last in three pieces
      OneMatrix const one{s[0], s[1]};
      Array const m = random_array(type, s, 1), vectors = one.random_vectors(type);
      auto const hm = m.to_host(Exec()), hu = one.u_of(vectors).to_host(Exec()), hv = one.v_of(vectors).to_host(Exec());
      // Without a step the vectors stay, whatever their length.
      expect_close(one.power_step(m, false, vectors).cast(Exec(), type), {dot(hu, times(hm, s[0], s[1], hv, false))});
      EXPECT_EQ(one.u_of(vectors).to_host(Exec()), hu);
      EXPECT_EQ(one.v_of(vectors).to_host(Exec()), hv);

      Array const sigma = one.power_step(m, true, vectors);
      auto const v_wanted = normalised(times(hm, s[0], s[1], hu, true)), image = times(hm, s[0], s[1], v_wanted, false);
      expect_close(one.v_of(vectors), v_wanted);
      expect_close(one.u_of(vectors), normalised(image));
      expect_close(sigma.cast(Exec(), type), {std::sqrt(dot(image, image))});
    }
}

// What belongs to others, and to nobody, is neither read nor written.
TEST(SpectralNorm, BlocksOfSeveralMatricesInOneArray)
{
  Exec const exec;
  // Of a 4 x 5 matrix rows 0 and 2, 3 and columns 1, 2, 3; nothing of the second matrix; of a 2 x 2 matrix everything.
  ops::SpectralTable const table(exec, 3, {{0, 2, 1, 3, 0, 5}, {0, 5, 2, 3, 2, 5}, {2, 20, 2, 2, 10, 12}});
  EXPECT_EQ(table.pieces(), 3);
  Array const m = random_array(DType::float64, {30}, 1), vectors = random_array(DType::float64, {14}, 2),
              images = Array::zeros(exec, DType::float64, {14});
  auto const a = m.to_host(exec), x = vectors.to_host(exec);
  ops::spectral_transposed_products(exec, table, m, vectors, images);
  Values wanted(14, 0.0);
  for (std::size_t k = 0; k < 3; ++k)
    wanted[5 + k] = x[0] * a[2 + k] + x[2] * a[5 + k] + x[3] * a[8 + k];
  for (std::size_t k = 0; k < 2; ++k)
    wanted[12 + k] = x[10] * a[20 + k] + x[11] * a[22 + k];
  expect_close(images, wanted);
  ops::spectral_products(exec, table, m, vectors, images);
  for (auto const& [to, from] : {std::pair{0, 2}, std::pair{2, 5}, std::pair{3, 8}}) {
    wanted[at(to)] = 0;
    for (std::size_t k = 0; k < 3; ++k)
      wanted[at(to)] += a[at(from) + k] * x[5 + k];
  }
  for (std::size_t r = 0; r < 2; ++r)
    wanted[10 + r] = a[20 + 2 * r] * x[12] + a[21 + 2 * r] * x[13];
  expect_close(images, wanted);
  Array const g = random_array(DType::float64, {30}, 3), products = unwritten(DType::float64, {3});
  ops::spectral_inner_products(exec, table, m, g, products);
  auto const h = g.to_host(exec);
  auto const inner = [&](std::size_t begin, std::size_t end) {
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i)
      sum += a[i] * h[i];
    return sum;
  };
  expect_close(products, {inner(2, 11), 0, inner(20, 24)});
}

TEST(SpectralNorm, ConvergesToTheLargestSingularValue)
{
  // Orthogonal rows of lengths 3, 2 and 1.
  Array const m = Array::from_host(Exec(), DType::float64, {3, 4}, {0, 3, 0, 0, 0, 0, 0, -2, 1, 0, 0, 0});
  OneMatrix const one{3, 4};
  Array const vectors = one.random_vectors(DType::float64);
  for (int i = 0; i < 59; ++i)
    one.power_step(m, true, vectors);
  EXPECT_NEAR(one.power_step(m, true, vectors).to_host(Exec())[0], 3, 1e-13);
}

TEST(SpectralNorm, ZeroWeightStaysFinite)
{
  OneMatrix const one{3, 4};
  Array const m = Array::zeros(Exec(), DType::float32, {3, 4}), vectors = one.random_vectors(DType::float32);
  EXPECT_EQ(one.power_step(m, true, vectors).to_host(Exec())[0], 0);
  EXPECT_EQ(one.u_of(vectors).to_host(Exec()), Values(3, 0.0));
}

TEST(SpectralNorm, GradientOfTheNormalisedWeight)
{
  OneMatrix const one{5, 4};
  auto both = normalised(random_values(5, 2)), v = normalised(random_values(4, 3));
  both.insert(both.end(), v.begin(), v.end());
  // u and v are constants, as in PyTorch; they need not be the singular vectors.
  Array const vectors = Array::from_host(Exec(), DType::float64, {9}, both);
  check_gradients(
      {random_array(DType::float64, {5, 4}, 1)},
      [&](Arrays const& in) {
        auto const sigma = one.power_step(in[0], false, vectors).to_host(Exec())[0];
        auto w = in[0].to_host(Exec());
        for (double& e : w)
          e /= sigma;
        return Array::from_host(Exec(), DType::float64, {5, 4}, w);
      },
      [&](Arrays const& in, Array const& g) {
        Array const sigma = one.power_step(in[0], false, vectors), dm = sum_begun(in[0]),
                    product = unwritten(DType::float64, {1});
        ops::spectral_inner_products(Exec(), one.table, in[0], g, product);
        ops::spectral_backward(Exec(), one.table, vectors, sigma, product, g, dm);
        return Arrays{added(dm)};
      });
}

} // namespace
} // namespace rossby
