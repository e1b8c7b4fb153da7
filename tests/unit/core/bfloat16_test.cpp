#include <rossby/core/array.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace rossby {
namespace {

bfloat16 of_bits(int bits)
{
  bfloat16 b;
  b.bits = static_cast<std::uint16_t>(bits);
  return b;
}

float stored(float x) { return bfloat16(x); }

TEST(Bfloat16, EveryNumberSurvives)
{
  for (int bits = 0; bits < 65536; ++bits) {
    float const x = of_bits(bits);
    if (std::isnan(x))
      EXPECT_TRUE(std::isnan(stored(x))) << bits;
    else
      EXPECT_EQ(bfloat16(x).bits, bits);
  }
}

TEST(Bfloat16, RoundsToTheNearestAndTiesToEven)
{
  // Between each pair of neighbours: below the middle, the middle, above it.
  for (int bits = 0; bits < 0x7f7f; ++bits) {
    float const low = of_bits(bits), high = of_bits(bits + 1), middle = low + (high - low) / 2;
    EXPECT_EQ(bfloat16(middle).bits, bits + bits % 2);
    EXPECT_EQ(stored(std::nextafter(middle, low)), low);
    EXPECT_EQ(stored(std::nextafter(middle, high)), high);
    EXPECT_EQ(stored(-std::nextafter(middle, high)), -high);
  }
}

TEST(Bfloat16, Extremes)
{
  float const infinite = std::numeric_limits<float>::infinity(), largest = of_bits(0x7f7f);
  EXPECT_EQ(stored(std::numeric_limits<float>::max()), infinite);
  EXPECT_EQ(stored(-infinite), -infinite);
  EXPECT_EQ(stored(largest), largest);
  EXPECT_EQ(bfloat16(-0.0f).bits, 0x8000);
  // A NaN whose only bits are in the lower half must not become an infinity.
  std::uint32_t const bits = 0x7f800001u;
  float nan;
  std::memcpy(&nan, &bits, sizeof nan);
  EXPECT_TRUE(std::isnan(stored(nan)));
}

TEST(Bfloat16, ArraysConvert)
{
  Exec const exec;
  std::vector<double> const values{1, -2.5, 0.1, 1e30, 3.140625};
  auto const narrow = Array::from_host(Exec(), DType::bfloat16, {5}, values);
  EXPECT_EQ(narrow.bytes(), 10u);
  auto const kept = narrow.to_host(Exec());
  EXPECT_EQ(kept[0], 1);
  EXPECT_EQ(kept[4], 3.140625);
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_LE(std::abs(kept[i] / values[i] - 1), 1.0 / 256);
  for (DType const dtype : {DType::float32, DType::float64}) {
    EXPECT_EQ(narrow.cast(exec, dtype).to_host(Exec()), kept);
    EXPECT_EQ(Array::from_host(Exec(), dtype, {5}, values).cast(exec, DType::bfloat16).to_host(Exec()), kept);
  }
  narrow.fill(exec, 0.5);
  EXPECT_EQ(narrow.to_host(Exec()), std::vector<double>(5, 0.5));
}

} // namespace
} // namespace rossby
