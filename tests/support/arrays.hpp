#pragma once
/// \file
/// What tests of kernels share: random arrays, arrays that show what was not written, comparison with plain numbers.

#include <rossby/core/array.hpp>
#include <rossby/core/random.hpp>
#include <rossby/ops/scale.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace rossby::test {

using Values = std::vector<double>;

inline std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

/// Standard normal numbers that depend on `seed` alone.
inline Values random_values(index_t n, std::uint64_t seed)
{
  Values v(at(n));
  for (std::size_t i = 0; i < v.size(); ++i)
    v[i] = Philox::normal(seed, stream_of("test"), i);
  return v;
}

inline Array random_array(DType dtype, Shape shape, std::uint64_t seed)
{
  auto const n = product(shape);
  return Array::from_host(Exec(), dtype, std::move(shape), random_values(n, seed));
}

/// An output that a kernel must write wholly: every element is not a number.
inline Array unwritten(DType dtype, Shape shape)
{
  Array const a = Array::empty(dtype, std::move(shape));
  a.fill(Exec(), std::numeric_limits<double>::quiet_NaN());
  return a;
}

/// An output that a kernel must add to: `sum_begun` holds 0.25 everywhere, `added` is what came on top of that.
inline Array sum_begun(Array const& like)
{
  Array const a = Array::empty(like.dtype(), like.shape());
  a.fill(Exec(), 0.25);
  return a;
}
inline Array added(Array const& sum)
{
  auto v = sum.to_host(Exec());
  for (auto& e : v)
    e -= 0.25;
  return Array::from_host(Exec(), sum.dtype(), sum.shape(), v);
}

/// A product's factor.
inline ops::Scale scale_by(double factor)
{
  return ops::Scale(Array::from_host(Exec(), DType::float64, {1}, {1 / factor}));
}

/// What round-off may do to well-scaled results of short sums.
inline double round_off(DType dtype) { return dtype == DType::float64 ? 1e-13 : 5e-6; }

/// Every element within `tolerance` of the largest magnitude (at least one) of what is wanted.
inline void expect_close(Values const& got, Values const& wanted, double tolerance)
{
  ASSERT_EQ(got.size(), wanted.size());
  double scale = 1;
  for (double const w : wanted)
    scale = std::max(scale, std::abs(w));
  int wrong = 0;
  for (std::size_t i = 0; i < got.size() && wrong < 5; ++i)
    if (!(std::abs(got[i] - wanted[i]) <= tolerance * scale)) {
      ADD_FAILURE() << "element " << i << " of " << got.size() << ": " << got[i] << ", not " << wanted[i];
      ++wrong;
    }
}
inline void expect_close(Array const& got, Values const& wanted, double tolerance)
{
  expect_close(got.to_host(Exec()), wanted, tolerance);
}
inline void expect_close(Array const& got, Values const& wanted) { expect_close(got, wanted, round_off(got.dtype())); }

} // namespace rossby::test
