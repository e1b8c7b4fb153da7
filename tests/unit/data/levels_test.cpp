#include <rossby/data/levels.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace rossby {
namespace {
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Levels, NearestInTheOrderAsked)
{
  std::vector<double> const levels{10, 20, 30};
  EXPECT_EQ(nearest_levels(levels, {29, 12}, any_distance, "f", ""), (std::vector<index_t>{2, 0}));
  EXPECT_EQ(nearest_levels(levels, {1e9}, any_distance, "f", ""), (std::vector<index_t>{2}));
  EXPECT_EQ(nearest_levels(levels, {30.02, 10}, same_level, "f", ""), (std::vector<index_t>{2, 0}));
  EXPECT_EQ(nearest_levels({0, 0.5}, {0.0005}, same_level, "f", ""), (std::vector<index_t>{0}));
  EXPECT_TRUE(nearest_levels(levels, {}, same_level, "f", "").empty());
}

TEST(Levels, RefusedByName)
{
  auto const refusal = [](std::vector<double> const& levels, std::vector<double> const& wanted, double distance) {
    return test::message_of([&] { nearest_levels(levels, wanted, distance, "file.nc", "mend it"); });
  };
  EXPECT_THAT(refusal({10, 20}, {29}, same_level),
              AllOf(HasSubstr("file.nc"), HasSubstr("has no level 29; the nearest is 20"), HasSubstr("mend it")));
  EXPECT_THAT(refusal({10, 30}, {29, 31}, any_distance), HasSubstr("29 and 31 are both nearest to its level 30"));
  EXPECT_THAT(refusal({}, {29}, any_distance), HasSubstr("has no level 29"));
  EXPECT_THAT(refusal({10, 20}, {std::nan("")}, same_level), HasSubstr("has no level nan"));
}

} // namespace
} // namespace rossby
