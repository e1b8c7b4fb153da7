#include "ops/fixed_order_sum.hpp"
#include <support/arrays.hpp>

namespace rossby {
namespace {
using namespace test;

double device_sum(Array const& x)
{
  Array const sum = unwritten(DType::float64, {1});
  auto const values = x.flat<double>();
  ops::fixed_order_sum(
      "rossby::test::sum", Exec(), x.size(), KOKKOS_LAMBDA(index_t i) { return values(i); }, sum);
  return sum.to_host(Exec())[0];
}

/// The documented order: blocks of 256, then blocks of their sums.
double plain_sum(Values terms)
{
  do {
    Values sums;
    for (std::size_t begin = 0; begin == 0 || begin < terms.size(); begin += 256) {
      sums.push_back(0);
      for (std::size_t i = begin; i < std::min(terms.size(), begin + 256); ++i)
        sums.back() += terms[i];
    }
    terms = sums;
  } while (terms.size() > 1);
  return terms[0];
}

TEST(FixedOrderSum, SameBitsAsAPlainLoop)
{
  for (index_t const n : {0, 1, 255, 256, 257, 65536, 65537, 70001}) {
    auto const x = random_array(DType::float64, {n}, static_cast<std::uint64_t>(n));
    EXPECT_EQ(device_sum(x), plain_sum(x.to_host(Exec()))) << n << " terms";
  }
}

TEST(FixedOrderSum, OneBadTermShows)
{
  auto values = random_values(1000, 1);
  values[777] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(device_sum(Array::from_host(Exec(), DType::float64, {1000}, values))));
}

} // namespace
} // namespace rossby
