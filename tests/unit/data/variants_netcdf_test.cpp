// Files and decks of other shapes than the fixture's.
#include "fixture.hpp"

#include "data/preprocess.hpp"
#include "io/hdf5.hpp"

#include <gmock/gmock.h>

namespace rossby {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DataVariants : public ::testing::Test {
protected:
  std::string deck(std::string const& source, std::string const& rest = "") const
  {
    return fmt::format(R"(
data:
  source:
    A: {{dataset_type: local, {}}}
  start_datetime: 2000-01-01
  end_datetime: 2000-01-02
  timestep: 12h
  forecast_len: 1
{})",
                       source, rest);
  }
  static FieldShape model(int levels, int channels_2d)
  {
    FieldShape m;
    m.height = rows, m.width = cols, m.frames = 1;
    m.channels = levels > 0 ? 1 : 0, m.levels = levels, m.surface_channels = channels_2d, m.input_only_channels = 0;
    return m;
  }
  /// A file of `variable` over time and the given axes; the value of an element is its position in the file.
  void write(std::string const& name, std::string const& variable, std::vector<std::string> const& axes,
             std::vector<double> const& times, std::string const& units = "hours since 2000-01-01") const
  {
    std::map<std::string, std::vector<double>> values{{"T", times}, {"lev", {10, 20, 30}}};
    for (index_t r = 0; r < rows; ++r)
      values["lat"].push_back(latitude(r));
    for (index_t c = 0; c < cols; ++c)
      values["lon"].push_back(longitude(c) - 180);
    io::NetcdfWriter w(folder.path(name));
    index_t size = 1;
    for (auto const& axis : axes) {
      w.dimension(axis, static_cast<index_t>(values[axis].size()));
      w.variable(axis, io::NetcdfType::float64, {axis});
      size *= static_cast<index_t>(values[axis].size());
    }
    if (!times.empty())
      w.attribute("T", "units", units);
    w.variable(variable, io::NetcdfType::float32, axes);
    for (auto const& axis : axes)
      w.write(axis, values[axis]);
    std::vector<double> all(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = static_cast<double>(i);
    w.write(variable, all);
    w.close();
  }

  DataFolder folder;
  Box const whole{0, rows, 0, cols};
  Time const start = time_of({2000, 1, 1});
};

TEST_F(DataVariants, RenamedVariablesAreReadByTheirNamesInFiles)
{
  write("t.nc", "v", {"T", "lat", "lon"}, {0, 12, 24});
  auto const source =
      fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}", folder.path("t.nc"));
  auto const renamed = [&](std::string const& to, std::string const& before = "",
                           std::string const& from = "A/prognostic/2d/v") {
    return plan_of(deck(source, fmt::format(R"(
preblocks:
  per_step:
    {}
    names: {{type: rename, args: {{mapping: {{{}: {}}}}}}}
    root: {{type: sqrt_transform, args: {{variables: B/prognostic/2d/pressure}}}}
    concat: {{type: concat}}
)",
                                            before, from, to)),
                   DataPlan::Use::training, model(0, 1));
  };
  auto const plan = renamed("B/prognostic/2d/pressure");
  EXPECT_THAT(plan.schema.to_yaml(), AllOf(HasSubstr("var_key: B/prognostic/2d/pressure"), Not(HasSubstr("A/"))));
  EXPECT_EQ(plan.schema.target[0].variable, "pressure");
  auto const plain = plan_of(deck(source), DataPlan::Use::training, model(0, 1));
  auto const x = Dataset(plan, whole).input(start + 43200), expected = Dataset(plain, whole).input(start + 43200);
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_FLOAT_EQ(x[i], std::sqrt(expected[i]));

  auto const said = [&](auto const&... how) { return message_of([&] { renamed(how...); }); };
  EXPECT_THAT(
      said("B/prognostic/2d/pressure", "", "A/prognostic/2d/w"),
      AllOf(HasSubstr("preblocks.per_step.names.args.mapping"), HasSubstr("A/prognostic/2d/w is not a variable")));
  EXPECT_THAT(said("B/static/2d/pressure"), HasSubstr("only source and name can change"));
  EXPECT_THAT(said("pressure"), HasSubstr("'pressure' is not a key"));
  EXPECT_THAT(said("B/prognostic/2d/pressure", "first: {type: sqrt_transform}"), HasSubstr("put rename first"));
}

TEST_F(DataVariants, TwoVariablesCantGetOneKey)
{
  write("t.nc", "v", {"T", "lat", "lon"}, {0, 12, 24});
  write("u.nc", "u", {"T", "lat", "lon"}, {0, 12, 24});
  auto const text = fmt::format(R"(
data:
  source:
    A: {{dataset_type: local, time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}}}
    B: {{dataset_type: local, time_coord: T, variables: {{prognostic: {{vars_2D: [u], path: {}}}}}}}
  start_datetime: 2000-01-01
  end_datetime: 2000-01-02
  timestep: 12h
  forecast_len: 1
preblocks: {{per_step: {{names: {{type: rename, args: {{mapping: {{A/prognostic/2d/v: B/prognostic/2d/u}}}}}}}}}}
)",
                                folder.path("t.nc"), folder.path("u.nc"));
  EXPECT_THAT(message_of([&] { plan_of(text, DataPlan::Use::training, model(0, 2)); }),
              HasSubstr("two variables the key B/prognostic/2d/u"));
}

TEST_F(DataVariants, LongitudeBeforeLatitude)
{
  write("t.nc", "v", {"T", "lon", "lat"}, {0, 12, 24});
  auto const text =
      deck(fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}", folder.path("t.nc")));
  Dataset data(plan_of(text, DataPlan::Use::training, model(0, 1)), whole);
  EXPECT_EQ(data.plan().grid.longitude.front(), 0) << "from -180 ... 135 to 0 ... 315";
  auto const x = data.input(start + 43200);
  for (index_t r = 0; r < rows; ++r)
    for (index_t c = 0; c < cols; ++c)
      EXPECT_EQ(x[static_cast<std::size_t>(r * cols + c)], static_cast<float>(48 + (c + 4) % 8 * rows + r));
  Dataset tile(data.plan(), Box{1, 4, 3, 7});
  EXPECT_EQ(tile.input(start)[5], static_cast<float>((4 + 4) % 8 * rows + 2));
}

TEST_F(DataVariants, AllLevelsOfTheFileAndLevelsLast)
{
  write("t.nc", "v", {"T", "lat", "lon", "lev"}, {0, 12, 24});
  static constexpr char const* source =
      "time_coord: T, level_coord: lev, {}first_longitude: -180, variables: {{prognostic: {{vars_3D: [v], path: {}}}}}";
  auto const plan = plan_of(deck(fmt::format(source, "", folder.path("t.nc"))), DataPlan::Use::training, model(3, 0));
  EXPECT_EQ(plan.schema.input[0].levels, (std::vector<double>{10, 20, 30}));
  EXPECT_EQ(plan.grid.longitude.front(), -180);
  auto const x = Dataset(plan, whole).input(start);
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(x[i], static_cast<float>(i)) << "channels-last, as in this file";

  EXPECT_THAT(message_of([&] {
                plan_of(deck(fmt::format(source, "levels: [29, 12], ", folder.path("t.nc"))), DataPlan::Use::training,
                        model(2, 0));
              }),
              AllOf(HasSubstr("has no lev 29, 12; it has 10, 20, 30"), HasSubstr("level_match: nearest")));
  auto const two = plan_of(deck(fmt::format(source, "level_match: nearest, levels: [29, 12], ", folder.path("t.nc"))),
                           DataPlan::Use::training, model(2, 0));
  EXPECT_EQ(Dataset(two, whole).input(start)[2], 5) << "the nearest levels, in the deck's order";
  EXPECT_THAT(message_of([&] {
                plan_of(deck(fmt::format(source, "level_match: nearest, levels: [29, 31], ", folder.path("t.nc"))),
                        DataPlan::Use::training, model(2, 0));
              }),
              HasSubstr("nearest to its level 30"));
  EXPECT_THAT(message_of([&] {
                plan_of(deck(fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}",
                                         folder.path("t.nc"))),
                        DataPlan::Use::training, model(0, 1));
              }),
              HasSubstr("vars_3D"));
}

TEST_F(DataVariants, PlainHdf5WithoutNamesOfDimensions)
{
  std::string const file = folder.path("t.h5");
  auto h = io::Hdf5File::create(file);
  std::vector<double> lat, lon, values;
  for (index_t r = 0; r < rows; ++r)
    lat.push_back(-latitude(r));
  for (index_t c = 0; c < cols; ++c)
    lon.push_back(longitude(c));
  for (index_t i = 0; i < 3 * rows * cols; ++i)
    values.push_back(static_cast<double>(i));
  h.write("time", DType::float64, {3}, {0, 12, 24});
  h.write_attribute("time", "units", "hours since 2000-01-01");
  h.write("latitude", DType::float32, {rows}, lat);
  h.write("longitude", DType::float32, {cols}, lon);
  h.write("v", DType::float32, {3, rows, cols}, values);
  h.close();
  auto const text = deck(fmt::format("variables: {{prognostic: {{vars_2D: [v], path: {}}}}}", file));
  auto const x = Dataset(plan_of(text, DataPlan::Use::training, model(0, 1)), whole).input(start + 43200);
  EXPECT_EQ(x[3], 48 + 5 * 8 + 3) << "south to north in the file";
}

TEST_F(DataVariants, TemplatesFindTheFileOfTheFinestPeriod)
{
  std::filesystem::create_directories(folder.path("2000/01"));
  write("2000/01/v_001_a.nc", "v", {"T", "lat", "lon"}, {0, 12});
  write("2000/01/v_002_b.nc", "v", {"T", "lat", "lon"}, {24, 36});
  write("2000/01/other.nc", "v", {"T", "lat", "lon"}, {0});
  auto const source = [&](std::string const& path) {
    return deck(
        fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: '{}'}}}}", folder.path(path)));
  };
  auto const plan = plan_of(source("%Y/%m/v_%j_*.nc"), DataPlan::Use::training, model(0, 1));
  EXPECT_EQ(Dataset(plan, whole).input(start + 86400)[4], 0) << "first record of the second file";
  write("2000/01/v_002_c.nc", "v", {"T", "lat", "lon"}, {24});
  EXPECT_THAT(message_of([&] { plan_of(source("%Y/%m/v_%j_*.nc"), DataPlan::Use::training, model(0, 1)); }),
              HasSubstr("several files for one period"));
  EXPECT_THAT(message_of([&] { plan_of(source("%Y/%q.nc"), DataPlan::Use::training, model(0, 1)); }),
              HasSubstr("unknown time code %q"));
}

TEST_F(DataVariants, RangesOfDatesAndClamp)
{
  write("t.nc", "v", {"T", "lat", "lon"}, {0, 12, 24, 36, 48, 60, 72});
  std::string text =
      deck(fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}", folder.path("t.nc")));
  text.replace(text.find("  start"), text.find("  timestep") - text.find("  start"),
               "  date_ranges: [[2000-01-01, 2000-01-02], [2000-01-03, 2000-01-04]]\n  data_clamp: [50, 60]\n");
  Dataset data(plan_of(text, DataPlan::Use::training, model(0, 1)), whole);
  ASSERT_EQ(data.size(), 4);
  EXPECT_EQ(data.initial_time(2), time_of({2000, 1, 3}));
  EXPECT_EQ(data.input(start)[3], 50);
  auto const overlapping = [&](std::string const& ranges) {
    std::string other = text;
    other.replace(other.find("[[2000-01-01"),
                  std::string("[[2000-01-01, 2000-01-02], [2000-01-03, 2000-01-04]]").size(), ranges);
    return message_of([&] { plan_of(other, DataPlan::Use::training, model(0, 1)); });
  };
  EXPECT_THAT(overlapping("[[2000-01-02, 2000-01-04], [2000-01-01, 2000-01-03]]"),
              HasSubstr("the range from 2000-01-02 00:00:00 begins before that from 2000-01-01 00:00:00 ends"));
  EXPECT_EQ(overlapping("[[2000-01-01, 2000-01-02], [2000-01-02, 2000-01-04]]"), "no error");
  EXPECT_THAT(overlapping("[[2000-01-01, 99990-01-02]]"), HasSubstr("look for a mistyped year"));
  EXPECT_EQ(data.target(start, true).physical[3], 7) << "rolled by four columns";
}

TEST_F(DataVariants, TransformsAheadOfTheScalerAndForTheFirstStepOnly)
{
  write("t.nc", "v", {"T", "lat", "lon"}, {0, 12, 24});
  std::string const text =
      deck(fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}", folder.path("t.nc")),
           fmt::format(R"(preblocks:
  ic_only:
    floor: {{type: fill_values, args: {{variables: [A], rules: [{{search: 10, op: <, fill: 10}}]}}}}
  per_step:
    log: {{type: log_transform, args: {{variables: [], eps: 1}}}}
    scale: {{type: bridgescaler_transform, args: {{scaler_path: {0}, variables: []}}}}
)",
                       folder.path("s.json")));
  auto const report = preprocess(Deck::parse(text), model(0, 1), Communicator());
  double mean = 0;
  for (int t = 0; t < 2; ++t)
    for (int i = 0; i < 48; ++i)
      mean += std::log(1 + std::max(10, 48 * t + i)) / 96;
  EXPECT_NEAR(report.rows[0].mean, mean, 1e-6);

  auto const plan = plan_of(text, DataPlan::Use::training, model(0, 1));
  EXPECT_EQ(plan.transforms.input_initial[0].size(), 3u);
  EXPECT_EQ(plan.transforms.input_step[0].size(), 2u);
  Dataset data(plan, whole);
  auto const first = data.target(start, true), later = data.target(start, false);
  EXPECT_NEAR(first.physical[3], 10, 1e-4) << "filled, in physical units";
  EXPECT_NEAR(later.physical[3], 7, 1e-6);
  EXPECT_NEAR(apply(plan.transforms.output[0], later.normalised[3], 0), 7, 1e-5);
  ASSERT_LE(plan.transforms.feedback[0].size(), 3u);
}

TEST_F(DataVariants, MeansAndDeviationsFromNetcdf)
{
  write("t.nc", "v", {"T", "lat", "lon", "lev"}, {0, 12, 24});
  for (char const* name : {"mean.nc", "std.nc"}) {
    io::NetcdfWriter w(folder.path(name));
    w.dimension("level", 5);
    w.variable("v", io::NetcdfType::float64, {"level"});
    w.write("v", name[0] == 'm' ? std::vector<double>{0, 1, 2, 3, 4} : std::vector<double>{1, 2, 4, 0, 16});
    w.close();
  }
  static constexpr char const* rest =
      "preblocks: {{per_step: {{n: {{type: era5_normalizer, args: {{mean_path: {0}, std_path: {1}{2}}}}}}}}}\n";
  auto const text = [&](std::string const& levels) {
    return deck(fmt::format("time_coord: T, level_coord: lev, variables: {{prognostic: {{vars_3D: [v], path: {}}}}}",
                            folder.path("t.nc")),
                fmt::format(rest, folder.path("mean.nc"), folder.path("std.nc"), levels));
  };
  auto const plan = plan_of(text(", levels: [2, 3, 5]"), DataPlan::Use::training, model(3, 0));
  EXPECT_DOUBLE_EQ(apply(plan.transforms.input_initial[0], 9, 0), 4);
  EXPECT_DOUBLE_EQ(apply(plan.transforms.input_initial[2], 36, 0), 2);
  EXPECT_DOUBLE_EQ(apply(plan.transforms.output[1], 1, 0), 6);
  EXPECT_TRUE(plan.transforms.feedback[1].empty());
  EXPECT_THAT(message_of([&] { plan_of(text(""), DataPlan::Use::training, model(3, 0)); }), HasSubstr("5 columns"));
  EXPECT_THAT(message_of([&] { plan_of(text(", levels: [2, 3, 6]"), DataPlan::Use::training, model(3, 0)); }),
              HasSubstr("level 6"));
}

TEST_F(DataVariants, AMonthlyClockOfHalfHours)
{
  write("t.nc", "v", {"T", "lat", "lon"}, {17598, 18328.5, 19059}, "hour since 1980-01-14 14:00:00");
  std::string text =
      deck(fmt::format("time_coord: T, variables: {{prognostic: {{vars_2D: [v], path: {}}}}}", folder.path("t.nc")));
  text.replace(text.find("  start"), text.find("  forecast") - text.find("  start"),
               "  start_datetime: 1982-01-16 20:00:00\n  end_datetime: 1982-03-18 17:00:00\n  timestep: 730h30min\n");
  Dataset data(plan_of(text, DataPlan::Use::training, model(0, 1)), whole);
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data.target(data.initial_time(1) + data.plan().config.timestep, true).physical[4], 96);
}

} // namespace
} // namespace rossby
