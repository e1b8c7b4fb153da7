// The vectorising exp and erf against the library's, over all of float32's useful range.

#include "ops/fast_math.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace rossby::ops {
namespace {

TEST(FastMath, Exp)
{
  double worst = 0;
  for (double x = -87; x <= 88; x += 0.00137) {
    auto const argument = static_cast<float>(x);
    double const exact = std::exp(static_cast<double>(argument));
    worst = std::max(worst, std::abs(static_cast<double>(fast_exp(argument)) - exact) / exact);
  }
  EXPECT_LT(worst, 2e-7);
  EXPECT_EQ(fast_exp(0.0f), 1.0f);
  EXPECT_GT(fast_exp(-1e30f), 0.0f);
  EXPECT_TRUE(std::isfinite(fast_exp(1e30f)));
}

TEST(FastMath, Erf)
{
  double absolute = 0, relative = 0;
  for (double x = -6; x <= 6; x += 0.000173) {
    auto const argument = static_cast<float>(x);
    double const exact = std::erf(static_cast<double>(argument));
    double const error = std::abs(static_cast<double>(fast_erf(argument)) - exact);
    absolute = std::max(absolute, error);
    relative = std::max(relative, exact == 0 ? 0 : error / std::abs(exact));
  }
  EXPECT_LT(absolute, 4e-7);
  EXPECT_LT(relative, 4e-7);
}

TEST(FastMath, DoublesAreTheLibrarys)
{
  for (double x = -5; x < 5; x += 0.37) {
    EXPECT_EQ(fast_exp(x), std::exp(x));
    EXPECT_EQ(fast_erf(x), std::erf(x));
  }
}

} // namespace
} // namespace rossby::ops
