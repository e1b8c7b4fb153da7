// What of a file is read for a dimension, a time, a place: the right value, or a refusal that names the key.
#include "fixture.hpp"

#include <gmock/gmock.h>

namespace rossby {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// One file of a variable v; what differs from the usual is set before write().
class DataFiles : public ::testing::Test {
protected:
  struct Axis {
    std::string name;
    std::vector<double> values; ///< without `has_coordinate` only their number counts
    std::map<std::string, std::string> attributes;
    bool has_coordinate = true;
  };
  static Axis time(std::vector<double> values, std::string const& calendar = "standard",
                   std::string const& units = "hours since 2000-01-01")
  {
    return {"time", std::move(values), {{"units", units}, {"calendar", calendar}}, true};
  }
  static Axis latitude(bool north_first = true)
  {
    Axis a{"lat", {}, {{"units", "degrees_north"}}, true};
    for (index_t r = 0; r < rows; ++r)
      a.values.push_back(test::latitude(north_first ? r : rows - 1 - r));
    return a;
  }
  static Axis longitude(double first = 0, index_t columns = cols)
  {
    Axis a{"lon", {}, {{"units", "degrees_east"}}, true};
    for (index_t c = 0; c < columns; ++c)
      a.values.push_back(first + 45.0 * static_cast<double>(c));
    return a;
  }

  /// The value of an element is its position in the file.
  void write(std::string const& name, std::vector<Axis> const& axes, std::string const& variable = "v") const
  {
    io::NetcdfWriter w(folder.path(name));
    std::vector<std::string> names;
    index_t size = 1;
    for (auto const& a : axes) {
      names.push_back(a.name);
      w.dimension(a.name, static_cast<index_t>(a.values.size()));
      size *= static_cast<index_t>(a.values.size());
      if (!a.has_coordinate)
        continue;
      w.variable(a.name, io::NetcdfType::float64, {a.name});
      for (auto const& [key, value] : a.attributes)
        w.attribute(a.name, key, value);
    }
    w.variable(variable, io::NetcdfType::float64, names);
    for (auto const& a : axes)
      if (a.has_coordinate)
        w.write(a.name, a.values);
    std::vector<double> all(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = static_cast<double>(i);
    w.write(variable, all);
    w.close();
  }

  /// `keys` of the source, then the lines of its groups.
  std::string deck(std::string const& keys, std::string const& groups = "", std::string const& dates = "") const
  {
    return fmt::format(R"(
data:
  source:
    A: {{dataset_type: local, {}variables: {{prognostic: {{vars_2D: [v], path: {}}}{}}}}}
{}
  forecast_len: 1
)",
                       keys, folder.path("v.nc"), groups,
                       dates.empty() ? "  start_datetime: 2000-01-01\n  end_datetime: 2000-01-02\n  timestep: 12h"
                                     : dates);
  }
  static FieldShape model(int surface = 1, int fixed = 0)
  {
    FieldShape m;
    m.height = rows, m.width = cols, m.frames = 1;
    m.channels = 0, m.levels = 0, m.surface_channels = surface, m.input_only_channels = fixed;
    return m;
  }
  DataPlan plan(std::string const& text, int fixed = 0) const
  {
    return plan_of(text, DataPlan::Use::geometry, model(1, fixed));
  }
  std::string refusal(std::string const& text, int fixed = 0) const
  {
    return message_of([&] { plan(text, fixed); });
  }
  /// The value at the first cell at a time.
  double value(DataPlan const& p, Time t, index_t cell = 0) const
  {
    Dataset data(p, Box{0, rows, 0, cols});
    return data.raw(p.schema.input[0], t).values[static_cast<std::size_t>(cell)];
  }

  DataFolder folder;
  Time const start = time_of({2000, 1, 1});
  static constexpr double field = rows * cols;
};

TEST_F(DataFiles, ADimensionWithSeveralPlacesIsRefusedOrChosen)
{
  write("v.nc", {time({0, 12, 24}), {"number", {1, 2, 3}, {}, true}, latitude(), longitude()});
  EXPECT_THAT(refusal(deck("")),
              AllOf(HasSubstr("number is none of time, level, latitude, longitude and has the values 1, 2, 3"),
                    HasSubstr("data.source.A.select: {number: ...}")));
  EXPECT_EQ(value(plan(deck("select: {number: 3}, ")), start + 43200), 5 * field) << "by value, not by position";
  EXPECT_THAT(refusal(deck("select: {number: 0}, ")),
              AllOf(HasSubstr("has no number 0; it has 1, 2, 3"), HasSubstr("data.source.A.select.number")));
  write("v.nc", {time({0, 12, 24}), {"number", {0, 0, 0}, {}, false}, latitude(), longitude()});
  EXPECT_EQ(value(plan(deck("select: {number: 2}, ")), start), 2 * field) << "by position without a coordinate";
  EXPECT_THAT(refusal(deck("select: {number: 3}, ")), HasSubstr("places 0 to 2, not 3"));
  EXPECT_THAT(refusal(deck("select: {number: 1.5}, ")), HasSubstr("places 0 to 2, not 1.5"));
}

TEST_F(DataFiles, TheSameForStaticFieldsAndOneLevelOfMany)
{
  write("v.nc", {time({0, 12, 24}), {"level", {500, 850}, {{"units", "hPa"}}, true}, latitude(), longitude()});
  EXPECT_THAT(refusal(deck("")),
              AllOf(HasSubstr("has 2 levels along level"), HasSubstr("vars_3D"), HasSubstr("select: {level: ...}")));
  EXPECT_EQ(value(plan(deck("select: {level: 850}, ")), start), field);
  write("v.nc", {time({0, 12, 24}), latitude(), longitude()});
  write("s.nc", {{"band", {1, 2}, {}, true}, latitude(), longitude()}, "s");
  std::string const fixed = fmt::format(", static: {{vars_2D: [s], path: {}}}", folder.path("s.nc"));
  EXPECT_THAT(refusal(deck("", fixed), 1), HasSubstr("band is none of time"));
  EXPECT_EQ(refusal(deck("select: {band: 2}, ", fixed), 1), "no error");
}

TEST_F(DataFiles, AStaticFieldWithTimesMustNotChange)
{
  write("v.nc", {time({0, 12, 24}), latitude(), longitude()});
  write("s.nc", {time({0, 12}), latitude(), longitude()}, "s");
  std::string const fixed = fmt::format(", static: {{vars_2D: [s], path: {}}}", folder.path("s.nc"));
  EXPECT_THAT(refusal(deck("", fixed), 1),
              AllOf(HasSubstr("is listed under static, but has 2 records that differ"), HasSubstr("dynamic_forcing")));
  write("s.nc", {time({0}), latitude(), longitude()}, "s");
  EXPECT_EQ(refusal(deck("", fixed), 1), "no error");
}

TEST_F(DataFiles, TheNearestRecordWithinATolerance)
{
  std::string const minutes = "  start_datetime: 2000-01-01\n  end_datetime: 2000-01-01T00:02\n  timestep: 1min";
  write("v.nc", {time({0, 1, 2, 3}, "standard", "minutes since 2000-01-01"), latitude(), longitude()});
  auto const p = plan(deck("", "", minutes));
  for (int k = 0; k < 3; ++k)
    EXPECT_EQ(value(p, start + 60 * k), k * field) << "never the first in reach";
  write("v.nc", {time({0.4, 1.6, 2, 3}, "standard", "minutes since 2000-01-01"), latitude(), longitude()});
  EXPECT_EQ(value(p, start), 0);
  EXPECT_THAT(message_of([&] { value(p, start + 60); }), HasSubstr("holds no data for 2000-01-01 00:01:00"));
  // Twelve-hourly data: up to a minute off.
  write("v.nc", {time({0.01, 12.02, 24}), latitude(), longitude()});
  EXPECT_THAT(refusal(deck("", "", "  start_datetime: 2000-01-01\n  end_datetime: 2000-01-01T12:00\n  timestep: 12h")),
              HasSubstr("holds no data for 2000-01-01 12:00:00"));
  EXPECT_EQ(value(plan(deck("")), start), 0);
}

TEST_F(DataFiles, OneTimeThatIsNoDimension)
{
  for (int day = 1; day <= 2; ++day) {
    io::NetcdfWriter w(folder.path(fmt::format("one_200001{:02}.nc", day)));
    w.dimension("lat", rows);
    w.dimension("lon", cols);
    w.variable("time", io::NetcdfType::float64, {});
    w.attribute("time", "units", "days since 2000-01-01");
    for (char const* name : {"lat", "lon"})
      w.variable(name, io::NetcdfType::float64, {name});
    w.variable("v", io::NetcdfType::float64, {"lat", "lon"});
    w.write("time", {static_cast<double>(day - 1)});
    w.write("lat", latitude().values);
    w.write("lon", longitude().values);
    w.write("v", std::vector<double>(rows * cols, day));
    w.close();
  }
  std::string text = deck("", "", "  start_datetime: 2000-01-01\n  end_datetime: 2000-01-02\n  timestep: 24h");
  text.replace(text.find("v.nc"), 4, "one_%Y%m%d.nc");
  auto const p = plan(text);
  EXPECT_EQ(value(p, start), 1);
  EXPECT_EQ(value(p, start + 86400), 2);
  EXPECT_THAT(message_of([&] { value(p, start + 3600); }), HasSubstr("holds no data"));
}

TEST_F(DataFiles, FilesThatHoldMoreThanTheirNamesSay)
{
  write("one_1999.nc", {time({-12, 0, 12, 24}), latitude(), longitude()});
  std::string text = deck("");
  text.replace(text.find("v.nc"), 4, "one_%Y.nc");
  EXPECT_EQ(value(plan(text), start), field) << "a single file is taken for all times";
  write("one_1999.nc", {time({-24, -12, 0}), latitude(), longitude()});
  write("one_2000.nc", {time({12, 24}), latitude(), longitude()});
  EXPECT_EQ(value(plan(text), start), 2 * field) << "the record that ends a year may be in that year's file";
  write("one_2000.nc", {time({24}), latitude(), longitude()});
  EXPECT_THAT(message_of([&] { value(plan(deck("")), start + 43200); }), HasSubstr("no file matches"));
  EXPECT_THAT(message_of([&] { value(plan(text), start + 43200); }),
              HasSubstr("holds no data for 2000-01-01 12:00:00"));
}

TEST_F(DataFiles, CalendarsOfModels)
{
  std::string const dates = "  start_datetime: 2000-02-28\n  end_datetime: 2000-03-02\n  timestep: 24h";
  // 2000-02-28, 03-01, 03-02 in a calendar without leap days.
  write("v.nc", {time({58, 59, 60}, "noleap", "days since 2000-01-01"), latitude(), longitude()});
  auto const p = plan(deck("", "", dates));
  EXPECT_EQ(p.config.calendar, Calendar::no_leap);
  ASSERT_EQ(p.config.clock().size(), 3u) << "without 29 February";
  EXPECT_EQ(value(p, time_of({2000, 3, 1}, Calendar::no_leap)), field);
  EXPECT_EQ(value(p, time_of({2000, 3, 2}, Calendar::no_leap)), 2 * field);
  EXPECT_THAT(refusal(deck("", "", "  start_datetime: 2000-02-28\n  end_datetime: 2000-02-29\n  timestep: 24h")),
              HasSubstr("'2000-02-29' is not a date of the calendar noleap"));
  write("v.nc", {time({59, 60, 61}, "360_day", "days since 2000-01-01"), latitude(), longitude()});
  EXPECT_EQ(value(plan(deck("", "", "  start_datetime: 2000-02-30\n  end_datetime: 2000-03-01\n  timestep: 24h")),
                  time_of({2000, 2, 30}, Calendar::days_360)),
            0);
  write("v.nc", {time({58, 59, 60}, "none", "days since 2000-01-01"), latitude(), longitude()});
  EXPECT_THAT(refusal(deck("", "", dates)), HasSubstr("the calendar 'none' is not known"));
}

TEST_F(DataFiles, ObservationsBesideAModelWithoutLeapDays)
{
  write("v.nc", {time({58, 59, 60}, "noleap", "days since 2000-01-01"), latitude(), longitude()});
  write("f.nc", {time({58, 59, 60, 61}, "standard", "days since 2000-01-01"), latitude(), longitude()}, "f");
  std::string text = deck("", "", "  start_datetime: 2000-02-28\n  end_datetime: 2000-03-02\n  timestep: 24h");
  text.insert(text.find("  start"),
              fmt::format("    B: {{dataset_type: local, variables: {{dynamic_forcing: {{vars_2D: [f], path: "
                          "{}}}}}}}\n",
                          folder.path("f.nc")));
  auto const p = plan(text, 1);
  Dataset data(p, Box{0, rows, 0, cols});
  EXPECT_EQ(data.raw(p.schema.input[1], time_of({2000, 3, 1}, Calendar::no_leap)).values[0], 2 * field)
      << "by date: the record of 29 February is passed over";
  write("f.nc", {time({58, 59, 60, 61}, "360_day", "days since 2000-01-01"), latitude(), longitude()}, "f");
  EXPECT_THAT(refusal(text, 1), HasSubstr("have the calendar 360_day"));
}

TEST_F(DataFiles, AYearThatStandsForAll)
{
  std::vector<double> months;
  for (int m = 0; m < 12; ++m)
    months.push_back(15 + 30.4 * m); // the middle of each month of the year 1
  write("v.nc", {time(months, "noleap", "days since 0001-01-01"), latitude(), longitude()});
  auto const p = plan(deck("temporal_mode: cyclic, cycle_year: 1, "));
  EXPECT_EQ(p.config.calendar, Calendar::standard) << "a climatology does not make the run's calendar";
  EXPECT_EQ(value(p, time_of({2000, 1, 20})), 0);
  EXPECT_EQ(value(p, time_of({2004, 2, 29})), field);
  EXPECT_EQ(value(p, time_of({2000, 12, 31})), 11 * field);
  EXPECT_EQ(value(p, time_of({2000, 1, 3})), 11 * field) << "before the year's first record its last one";
  EXPECT_THAT(refusal(deck("temporal_mode: cyclic, cycle_year: 1850, ")),
              AllOf(HasSubstr("in the year 1850"), HasSubstr("cycle_year")));
}

TEST_F(DataFiles, FieldsWithoutCoordinatesBesideTurnedOnes)
{
  Axis bare_lat = latitude(), bare_lon = longitude();
  bare_lat.has_coordinate = bare_lon.has_coordinate = false;
  write("s.nc", {bare_lat, bare_lon}, "s");
  auto const fixed = [&](std::string const& keys) {
    return deck("", fmt::format(", static: {{vars_2D: [s], path: {}{}}}", folder.path("s.nc"), keys));
  };
  auto const corner = [&](std::string const& keys) {
    auto const p = plan(fixed(keys), 1);
    Dataset data(p, Box{0, rows, 0, cols});
    return data.raw(p.schema.input[1], start).values[0];
  };
  write("v.nc", {time({0, 12, 24}), latitude(), longitude()});
  EXPECT_EQ(corner(""), 0) << "nothing was turned or rolled";
  write("v.nc", {time({0, 12, 24}), latitude(false), longitude()});
  EXPECT_THAT(refusal(fixed(""), 1), AllOf(HasSubstr("s.nc, variable s"), HasSubstr("turned"),
                                           HasSubstr("data.source.A.variables.static.orientation")));
  EXPECT_EQ(corner(", orientation: like_model"), 0);
  EXPECT_EQ(corner(", orientation: like_others"), (rows - 1) * cols);
  write("v.nc", {time({0, 12, 24}), latitude(), longitude(-90)});
  EXPECT_THAT(refusal(fixed(""), 1), HasSubstr("rolled by 2 columns"));
  EXPECT_EQ(corner(", orientation: like_others"), 2);
  EXPECT_EQ(corner(", orientation: like_model"), 0);
}

TEST_F(DataFiles, AMeridianThatComesTwice)
{
  write("v.nc", {time({0, 12, 24}), latitude(), longitude(0, cols + 1)});
  EXPECT_THAT(refusal(deck("")),
              AllOf(HasSubstr("the last column (360) is the first (0) again"), HasSubstr("repeated_meridian: drop")));
  auto const p = plan(deck("repeated_meridian: drop, "));
  EXPECT_EQ(p.grid.width(), cols);
  EXPECT_EQ(value(p, start, cols), cols + 1) << "the second row begins after the column that was dropped";
  // Rolled: from -180 to 180.
  write("v.nc", {time({0, 12, 24}), latitude(), longitude(-180, cols + 1)});
  auto const q = plan(deck("repeated_meridian: drop, "));
  EXPECT_EQ(q.grid.longitude.front(), 0);
  EXPECT_EQ(value(q, start), 4);
  EXPECT_EQ(value(q, start, 4), 0) << "180 E is the file's first column, not its ninth";
}

TEST_F(DataFiles, OddCoordinatesAreRefusedAtOnce)
{
  for (double const odd : {-1e30, 1e30, 1e300 * 1e300, std::nan(""), 900.0}) {
    auto lon = longitude();
    lon.values[3] = odd;
    write("v.nc", {time({0, 12, 24}), latitude(), lon});
    EXPECT_THAT(refusal(deck("")), HasSubstr("v.nc, variable lon")) << odd;
    auto lat = latitude();
    lat.values[3] = odd;
    write("v.nc", {time({0, 12, 24}), lat, longitude()});
    EXPECT_THAT(refusal(deck("")), HasSubstr("v.nc, variable lat")) << odd;
    if (odd != 900) {
      write("v.nc", {time({0, odd, 24}), latitude(), longitude()});
      EXPECT_THAT(refusal(deck("")), HasSubstr("v.nc, variable time")) << odd;
    }
  }
}

} // namespace
} // namespace rossby
