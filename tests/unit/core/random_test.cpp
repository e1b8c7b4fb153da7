#include <rossby/core/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace rossby {
namespace {

void expect_draws(Philox::Draws const& b, std::vector<std::uint32_t> const& wanted)
{
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(b.w[i], wanted[i]);
}

// The three known answers published with Random123 for philox4x32-10; their counter words are ours in the order
// counter low, counter high, stream low, stream high.
TEST(Philox, GivesThePublishedAnswers)
{
  expect_draws(Philox::draws(0, 0, 0), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  auto const ones = ~std::uint64_t{0};
  expect_draws(Philox::draws(ones, ones, ones), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  // Digits of pi: counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0.
  expect_draws(Philox::draws(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(Philox, UniformNumbersAreUniform)
{
  constexpr int n = 100000, bins = 20;
  std::vector<int> count(bins, 0);
  double sum = 0, lagged = 0, before = 0;
  for (int i = 0; i < n; ++i) {
    double const u = Philox::uniform(7, 3, static_cast<std::uint64_t>(i));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++count[static_cast<std::size_t>(u * bins)];
    sum += u;
    lagged += (u - 0.5) * (before - 0.5);
    before = u;
  }
  double chi2 = 0;
  for (int const c : count)
    chi2 += (c - n / bins) * (c - n / bins) / static_cast<double>(n / bins);
  EXPECT_LT(chi2, 43.8); // 0.1 % of the chi-squared distribution with 19 degrees of freedom lies above
  EXPECT_NEAR(sum / n, 0.5, 4 * std::sqrt(1 / 12.0 / n));
  EXPECT_NEAR(12 * lagged / n, 0, 4 / std::sqrt(static_cast<double>(n)));
}

TEST(Philox, NormalNumbersAreNormal)
{
  constexpr int n = 100000;
  double moment[5] = {};
  int beyond_two = 0;
  for (int i = 0; i < n; ++i) {
    double const z = Philox::normal(1, 2, static_cast<std::uint64_t>(i));
    ASSERT_TRUE(std::isfinite(z));
    for (int k = 1; k <= 4; ++k)
      moment[k] += std::pow(z, k) / n;
    beyond_two += std::abs(z) > 2;
  }
  double const root = std::sqrt(static_cast<double>(n)); // four standard errors of each
  EXPECT_NEAR(moment[1], 0, 4 / root);
  EXPECT_NEAR(moment[2], 1, 4 * std::sqrt(2) / root);
  EXPECT_NEAR(moment[3], 0, 4 * std::sqrt(15) / root);
  EXPECT_NEAR(moment[4], 3, 4 * std::sqrt(96) / root);
  EXPECT_NEAR(beyond_two / static_cast<double>(n), 0.0455, 4 * 0.21 / root);
}

TEST(Philox, StreamsAreNamedAndApart)
{
  EXPECT_EQ(stream_of(""), 14695981039346656037ull);
  EXPECT_EQ(stream_of("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(stream_of("foobar"), 0x85944171f73967e8ull);
  std::set<double> seen;
  for (char const* name : {"w", "b", "layers.0.weight", "layers.1.weight"})
    for (std::uint64_t i = 0; i < 50; ++i)
      for (std::uint64_t key : {1, 2})
        seen.insert(Philox::uniform(key, stream_of(name), i));
  EXPECT_EQ(seen.size(), 400u);
}

} // namespace
} // namespace rossby
