#include "data/levels.hpp"
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace rossby {
namespace {
using ::testing::AllOf;
using ::testing::HasSubstr;
using Positions = std::vector<index_t>;

LevelAxis axis(std::vector<double> values, std::string const& units = "")
{
  LevelAxis a;
  a.values = std::move(values);
  a.units = units;
  a.name = "lev";
  return a;
}

Positions match(LevelAxis const& a, std::vector<double> const& wanted, LevelRules const& rules = {})
{
  return match_levels(a, wanted, rules, "file.nc", "mend it").positions;
}

std::string refusal(LevelAxis const& a, std::vector<double> const& wanted, LevelRules const& rules = {})
{
  return test::message_of([&] { match(a, wanted, rules); });
}

TEST(Levels, ByValueInTheOrderAsked)
{
  EXPECT_EQ(match(axis({10, 20, 30}), {30, 10}), (Positions{2, 0}));
  EXPECT_EQ(match(axis({0.1f, 0.2f}), {0.2}), (Positions{1})) << "32-bit coordinates are the same up to rounding";
  EXPECT_TRUE(match(axis({10, 20}), {}).empty());
  EXPECT_THAT(refusal(axis({10, 20}), {29, 20}),
              AllOf(HasSubstr("file.nc"), HasSubstr("has no lev 29; it has 10, 20"), HasSubstr("mend it")));
  EXPECT_THAT(refusal(axis({10, 20}), {10.01}), HasSubstr("has no lev 10.01"));
  EXPECT_THAT(refusal(axis({}), {29}), HasSubstr("no levels at all"));
  EXPECT_THAT(refusal(axis({10, 20}), {std::nan("")}), HasSubstr("has no level nan"));
  EXPECT_THAT(refusal(axis({10, std::nan("")}), {10}), HasSubstr("missing or non-finite"));
}

TEST(Levels, InOneUnit)
{
  EXPECT_EQ(match(axis({50000, 100000}, "Pa"), {1000}), (Positions{1})) << "not 50000, the nearest number";
  EXPECT_EQ(match(axis({50000, 100000}, "Pa"), {100000, 50000}), (Positions{1, 0}));
  EXPECT_EQ(match(axis({500, 1000}, "mbar"), {50000}), (Positions{0}));
  EXPECT_EQ(match(axis({0.5, 1}, "km"), {500}), (Positions{0}));
  EXPECT_EQ(match_levels(axis({50000, 85000}, "Pa"), {850}, {}, "f", "").units, "hPa");
  EXPECT_THAT(refusal(axis({50000, 85000}, "Pa"), {925}), HasSubstr("has no lev 925; it has 50000, 85000 Pa"));
  EXPECT_EQ(match(axis({1, 2, 3, 5, 7, 10, 100, 200, 300, 500, 700, 1000}, "hPa"), {100, 1000}), (Positions{6, 11}))
      << "never as 1 hPa and 10 hPa";
  EXPECT_THAT(refusal(axis({50, 60}, "level"), {5000}), HasSubstr("has no lev 5000"));
}

TEST(Levels, TwoUnitsThatFitAreRefusedUnlessOneIsNamed)
{
  auto const both = axis({1000, 50000, 100000}, "Pa");
  EXPECT_THAT(refusal(both, {1000}), AllOf(HasSubstr("both in Pa and in hPa"), HasSubstr("level_units")));
  EXPECT_EQ(match(both, {1000}, {"hPa", false}), (Positions{2}));
  EXPECT_EQ(match(both, {1000}, {"Pa", false}), (Positions{0}));
  EXPECT_EQ(match(both, {500, 1000}), (Positions{1, 2}));
  EXPECT_THAT(refusal(axis({1, 2}, "level"), {1}, {"hPa", false}), HasSubstr("in 'level', those of the deck in 'hPa'"));
}

TEST(Levels, TheNearestOnRequestAndSaid)
{
  auto const taken = match_levels(axis({10, 20, 30}, "hPa"), {29, 12}, {"", true}, "f", "");
  EXPECT_EQ(taken.positions, (Positions{2, 0}));
  EXPECT_EQ(taken.taken, "30, 10 hPa for the wanted 29, 12 hPa");
  EXPECT_EQ(match_levels(axis({10, 20}), {20}, {"", true}, "f", "").taken, "");
  EXPECT_EQ(match(axis({49900, 85100}, "Pa"), {500, 850}, {"", true}), (Positions{0, 1}))
      << "in the unit that fits best";
  EXPECT_THAT(refusal(axis({10, 30}), {29, 31}, {"", true}), HasSubstr("29 and 31 are both nearest to its level 30"));
}

TEST(Levels, PlacesWhereTheFileHasNoCoordinate)
{
  auto places = axis({0, 1, 2});
  places.numbered = true;
  EXPECT_EQ(match(places, {2, 0}), (Positions{2, 0}));
  EXPECT_THAT(refusal(places, {500}), HasSubstr("this dimension has no coordinate, so its places are 0 to 2"));
}

} // namespace
} // namespace rossby
