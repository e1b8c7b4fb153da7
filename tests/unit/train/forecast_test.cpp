#include "train/forecast_files.hpp"

#include <gtest/gtest.h>

namespace {
using namespace rossby;
using Group = OutputConfig::Group;

InferenceConfig two_days()
{
  InferenceConfig c;
  c.save_forecast = "out";
  c.forecast_length = 48 * 3600;
  return c;
}

TEST(ForecastFiles, GroupsByValidTime)
{
  Time const start = time_of({2000, 12, 30, 12});
  Duration const step = 6 * 3600;
  auto c = two_days();
  c.output.group_by = Group::full;
  auto files = forecast_files(c, start, step);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].path, "out/20001230_1200Z/full.nc");
  EXPECT_EQ(files[0].steps, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}));

  c.output.group_by = Group::day;
  files = forecast_files(c, start, step);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].path, "out/20001230_1200Z/2000-12-30.nc");
  EXPECT_EQ(files[0].steps, std::vector<int>{1});
  EXPECT_EQ(files[1].steps, (std::vector<int>{2, 3, 4, 5}));

  c.output.group_by = Group::year;
  files = forecast_files(c, start, step);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[1].path, "out/20001230_1200Z/2001.nc");
  EXPECT_EQ(files[1].steps, (std::vector<int>{6, 7, 8}));

  c.output.group_by = Group::step;
  c.output.output_interval = 24 * 3600;
  files = forecast_files(c, start, step);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].path, "out/20001230_1200Z/2000-12-31_T1200Z.nc");
  EXPECT_EQ(files[0].steps, std::vector<int>{4});
  EXPECT_EQ(files[1].steps, std::vector<int>{8});
}

TEST(ForecastFiles, LengthsMustFitTheTimeStep)
{
  auto c = two_days();
  EXPECT_EQ(forecast_steps(c, 6 * 3600), 8);
  EXPECT_THROW(forecast_steps(c, 5 * 3600), Error);
  EXPECT_THROW(forecast_steps(c, 96 * 3600), Error);
  c.output.output_interval = 9 * 3600;
  EXPECT_THROW(forecast_files(c, 0, 6 * 3600), Error);
  c.output.output_interval = 72 * 3600;
  EXPECT_THROW(forecast_files(c, 0, 6 * 3600), Error);
}
} // namespace
