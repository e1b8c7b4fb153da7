#include "fixture.hpp"

#include "data/climatology.hpp"

#include <gmock/gmock.h>

namespace rossby {
namespace {
using namespace test;
using ::testing::HasSubstr;

/// The mean state at model row and column of the file's level; SP is level 3.
double mean_state(int level, index_t row, index_t col) { return wind(0, level, row, col); }

struct MeanFile {
  std::vector<double> levels{1000, 850, 500};
  bool with_levels = true, with_time = false, with_pressure = true;
  index_t height = rows;
  double gap = 0; ///< put at one cell of SP where not zero

  /// South to north and from 90E, levels from the ground up.
  void write(std::string const& path) const
  {
    io::NetcdfWriter w(path);
    auto const n = static_cast<index_t>(levels.size());
    for (auto const& [name, length] : {std::pair<std::string, index_t>{"time", with_time ? 2 : 0},
                                       {"level", n},
                                       {"latitude", height},
                                       {"longitude", cols}})
      w.dimension(name, length);
    if (with_levels)
      w.variable("level", io::NetcdfType::float64, {"level"});
    w.variable("latitude", io::NetcdfType::float64, {"latitude"});
    w.variable("longitude", io::NetcdfType::float64, {"longitude"});
    w.variable("U", io::NetcdfType::float64, {"level", "latitude", "longitude"});
    if (with_time) {
      w.variable("time", io::NetcdfType::float64, {"time"});
      w.attribute("time", "units", "hours since 1990-01-01");
      w.variable("SP", io::NetcdfType::float64, {"time", "latitude", "longitude"});
    } else if (with_pressure) {
      w.variable("SP", io::NetcdfType::float64, {"latitude", "longitude"});
    }
    std::vector<double> lat, lon, u, sp;
    for (index_t r = height - 1; r >= 0; --r)
      lat.push_back(latitude(r));
    for (index_t c = 0; c < cols; ++c)
      lon.push_back(90 + 45.0 * static_cast<double>(c));
    for (index_t l = 0; l <= n; ++l)
      for (index_t r = height - 1; r >= 0; --r)
        for (index_t c = 0; c < cols; ++c)
          (l < n ? u : sp).push_back(mean_state(l < n ? static_cast<int>(l) : 3, r, (c + 2) % cols));
    if (gap != 0)
      sp[5] = gap;
    if (with_levels)
      w.write("level", levels);
    w.write("latitude", lat);
    w.write("longitude", lon);
    w.write("U", u);
    if (with_time)
      w.write("time", {0, 6});
    if (with_time)
      sp.insert(sp.end(), sp.begin(), sp.end());
    if (with_pressure)
      w.write("SP", sp);
    w.close();
  }
};

class Climatology : public ::testing::Test {
protected:
  Climatology()
  {
    folder.write_all();
    plan = plan_of(folder.deck_text(), DataPlan::Use::geometry);
  }
  std::vector<float> read(MeanFile const& file, Box const& box)
  {
    file.write(folder.path("mean.nc"));
    return read_climatology(folder.path("mean.nc"), plan, box, "the.key");
  }
  std::string refusal(MeanFile const& file)
  {
    return message_of([&] { read(file, {0, rows, 0, cols}); });
  }
  DataFolder folder;
  DataPlan plan;
};

TEST_F(Climatology, ComesAsTheModelSeesTheSphere)
{
  Box const box{1, 4, 3, 8};
  MeanFile numbered;
  numbered.levels = {500, 1000}; // as many as the deck has, in its order, whatever that is
  numbered.with_levels = false;
  for (bool const by_coordinate : {true, false}) {
    auto const values = read(by_coordinate ? MeanFile() : numbered, box);
    ASSERT_EQ(values.size(), 3u * 5 * 3);
    std::size_t i = 0;
    for (index_t r = box.row0; r < box.row1; ++r)
      for (index_t c = box.col0; c < box.col1; ++c)
        for (int const level : {0, by_coordinate ? 2 : 1, 3}) // the deck's levels are 1000 and 500, then SP
          EXPECT_EQ(values[i++], static_cast<float>(mean_state(level, r, c))) << r << " " << c;
  }
}

TEST_F(Climatology, WhatDoesNotFitIsRefusedByName)
{
  EXPECT_THAT(message_of([&] { read_climatology("nowhere.nc", plan, {0, 1, 0, 1}, "the.key"); }), HasSubstr("the.key"));
  MeanFile file;
  file.levels = {1000, 850, 400};
  EXPECT_THAT(refusal(file), HasSubstr("has no level 500"));
  file = {};
  file.with_levels = false;
  file.levels = {1, 2, 3};
  EXPECT_THAT(refusal(file), HasSubstr("has no level 1000"));
  file = {};
  file.with_pressure = false;
  EXPECT_THAT(refusal(file), HasSubstr("SP"));
  file = {};
  file.with_time = true;
  EXPECT_THAT(refusal(file), HasSubstr("average over time"));
  file = {};
  file.height = rows - 1;
  EXPECT_THAT(refusal(file), HasSubstr("another grid"));
  file = {};
  file.gap = std::nan("");
  EXPECT_THAT(refusal(file), HasSubstr("1 missing or non-finite"));
}

} // namespace
} // namespace rossby
