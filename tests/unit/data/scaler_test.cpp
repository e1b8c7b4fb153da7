#include "data/scaler.hpp"
#include <rossby/core/error.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace rossby {
namespace {

using ::testing::HasSubstr;

/// The form that bridgescaler writes; the arrays are [1.5, -2] and [4, 0.25] as little-endian float32.
char const* const by_hand = R"({"input": {"ERA5": {"ERA5/prognostic/3d/T":
  "{\"type\": \"DStandardScalerTensor\", \"mean_x_\": {\"__numpy__\": \"AADAPwAAAMA=\", \"dtype\": \"<f4\", \"shape\": [2]},
    \"n_\": 12.0, \"var_x_\": {\"__numpy__\": \"AACAQAAAgD4=\", \"dtype\": \"<f4\", \"shape\": [2]},
    \"x_columns_\": [0, 1], \"_fit\": true, \"channels_last\": false}"}},
 "target": {"ERA5": {"ERA5/prognostic/2d/SP":
  "{\"type\": \"DStandardScalerTensor\", \"mean_x_\": [3], \"n_\": 1, \"var_x_\": {\"object\": \"ndarray\", \"data\": [9.0], \"dtype\": \"float64\"}}"}}})";

std::string one_line(std::string text)
{
  for (char& c : text)
    if (c == '\n')
      c = ' ';
  return text;
}

TEST(ScalerFile, ReadsEveryFormOfArray)
{
  auto const file = ScalerFile::parse(one_line(by_hand), "by hand");
  auto const& t = file.get("input", "ERA5/prognostic/3d/T");
  EXPECT_EQ(t.mean, (std::vector<double>{1.5, -2}));
  EXPECT_EQ(t.variance, (std::vector<double>{4, 0.25}));
  EXPECT_EQ(t.count, 12);
  auto const& sp = file.get("target", "ERA5/prognostic/2d/SP");
  EXPECT_EQ(sp.mean, (std::vector<double>{3}));
  EXPECT_EQ(sp.variance, (std::vector<double>{9}));
  EXPECT_FALSE(file.has("target", "ERA5/prognostic/3d/T"));
}

TEST(ScalerFile, WritesWhatItReadsAndKeepsTheOldOne)
{
  namespace fs = std::filesystem;
  auto const folder = fs::path(::testing::TempDir()) / "rossby_scaler";
  fs::remove_all(folder);
  std::string const path = (folder / "scaler.json").string();
  ScalerFile file;
  file.set("input", "A/prognostic/2d/x", {{0.1, -7e5, 3e-12}, {1, 2, 1e-20}, 5});
  EXPECT_EQ(file.save(path), "");
  auto const back = ScalerFile::load(path).get("input", "A/prognostic/2d/x");
  EXPECT_NEAR(back.mean[0], 0.1, 1e-8);
  EXPECT_NEAR(back.mean[1], -7e5, 0.1);
  EXPECT_NEAR(back.variance[2], 1e-20, 1e-27);
  EXPECT_EQ(back.count, 5);
  std::string const backup = file.save(path);
  EXPECT_THAT(backup, HasSubstr("scaler.json."));
  EXPECT_TRUE(fs::exists(backup));
  EXPECT_FALSE(fs::exists(path + ".tmp"));
}

TEST(ScalerFile, WritingThatFailsLeavesOnlyTheOldFile)
{
  auto const file = ScalerFile::parse(one_line(by_hand), "by hand");
  file.save("scaler.json");
  std::filesystem::create_directories("scaler.json.tmp/in_the_way");
  EXPECT_THROW((void)file.save("scaler.json"), Error);
  std::filesystem::remove_all("scaler.json.tmp");
  for (auto const& entry : std::filesystem::directory_iterator("."))
    EXPECT_EQ(entry.path().filename().string().find("scaler.json."), std::string::npos) << entry.path();
  EXPECT_TRUE(ScalerFile::load("scaler.json").has("input", "ERA5/prognostic/3d/T"));
}

TEST(ScalerFile, MinMaxScalers)
{
  auto const file = ScalerFile::parse(
      R"({"target": {"S": {"S/prognostic/3d/x": "{\"type\": \"DMinMaxScalerTensor\", \"max_x_\": [3, 9], \"min_x_\": [1, -3]}"}}})",
      "s.json");
  auto const copy = ScalerFile::parse(file.to_json(), "copy");
  for (auto const* f : {&file, &copy}) {
    Scaler const& s = f->get("target", "S/prognostic/3d/x");
    EXPECT_EQ(s.kind, Scaler::Kind::minmax);
    ASSERT_EQ(s.columns(), 2u);
    EXPECT_EQ(s.origin(1), -3);
    EXPECT_EQ(s.width(1), 12);
  }
  EXPECT_THAT(test::message_of([&] { file.target_variance("S/prognostic/3d/x"); }), HasSubstr("var_weighting"));
}

TEST(ScalerFile, SaysWhatIsWrong)
{
  auto const message = [](std::string const& text) {
    return test::message_of([&] { ScalerFile::parse(text, "s.json").get("input", "a"); });
  };
  EXPECT_THAT(message("{\"input\": {"), HasSubstr("cut short"));
  EXPECT_THAT(message("{}"), HasSubstr("has no input scaler for a"));
  EXPECT_THAT(message(R"({"input": {"S": {"a": "{\"type\": \"DQuantileScaler\"}"}}})"),
              HasSubstr("only standard and min-max scalers"));
  EXPECT_THAT(message(R"({"input": {"S": {"a": "{\"mean_x_\": {\"__numpy__\": \"A?==\"}, \"var_x_\": [1]}"}}})"),
              HasSubstr("base64"));
  EXPECT_THAT(message(R"({"input": {"S": {"a": "{\"mean_x_\": [1, 2], \"var_x_\": [1]}"}}})"),
              HasSubstr("2 values of mean_x_ but 1 of var_x_"));
  EXPECT_THROW(ScalerFile::load("/no/such/file.json"), Error);
}

TEST(ColumnStatistics, MergingEqualsOnePass)
{
  ColumnStatistics all, a, b, none;
  for (int i = 0; i < 1000; ++i) {
    double const x = 1e6 + std::sin(i * 0.7);
    all.add(x);
    (i % 3 == 0 ? a : b).add(x);
  }
  a.merge(b);
  a.merge(none);
  EXPECT_EQ(a.moments.count, all.moments.count);
  EXPECT_NEAR(a.moments.mean, all.moments.mean, 1e-8);
  EXPECT_NEAR(a.moments.m2, all.moments.m2, 1e-6 * all.moments.m2);
  none.merge(all);
  EXPECT_EQ(none.moments.mean, all.moments.mean);
  EXPECT_EQ(a.minimum, all.minimum);
  EXPECT_EQ(none.maximum, all.maximum);
}

} // namespace
} // namespace rossby
