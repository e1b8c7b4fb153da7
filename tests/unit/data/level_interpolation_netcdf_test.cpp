// Fields of other hybrid levels, brought to the model's as they are read; and a postblock that changes levels.
#include "fixture.hpp"

#include "data/postblocks.hpp"

#include <gmock/gmock.h>

#include <variant>

namespace {
using namespace rossby;
using namespace rossby::test;
using ::testing::HasSubstr;

/// The fixture's three levels, of which the deck takes those at 1000 and 500 in this order, are levels of a hybrid
/// coordinate with midpoints at (4000 + 0.9 p_s) and (30000 + 0.2 p_s); the model has five others.
class LevelDecks : public ::testing::Test {
protected:
  void SetUp() override
  {
    folder.write_all();
    write("from.nc", {{"am", {30000, 4000}}, {"bm", {0.2, 0.9}}, {"no", {0.2, std::nan("")}}});
    write("to.nc",
          {{"a_half", {0, 20000, 30000, 20000, 10000, 0, -140000}}, {"b_half", {0, 0, 0.2, 0.5, 0.8, 1, 0.2}}});
  }
  void write(std::string const& name, std::vector<std::pair<std::string, std::vector<double>>> const& lists) const
  {
    io::NetcdfWriter w(folder.path(name));
    w.dimension("n", static_cast<index_t>(lists.front().second.size()));
    for (auto const& list : lists)
      w.variable(list.first, io::NetcdfType::float64, {"n"});
    for (auto const& list : lists)
      w.write(list.first, list.second);
    w.close();
  }
  std::string block(std::string const& more = "", std::string const& source = "bm") const
  {
    return fmt::format("    levels: {{type: hybrid_level_interp, args: {{variables: [U], surface_pressure_var: SP, "
                       "source_level_info_file: {0}/from.nc, source_a_var: am, source_b_var: {1}, "
                       "source_on_interfaces: false, dest_level_info_file: {0}/to.nc, dest_levels: [1, 2, 4, 5, "
                       "6]{2}}}}}\n",
                       folder.path(""), source, more);
  }
  /// Without scalers: values come as they are.
  std::string deck(std::string const& blocks) const
  {
    auto const text = folder.deck_text();
    return text.substr(0, text.find("preblocks:")) + "preblocks:\n  per_step:\n" + blocks +
           "    concat: {type: concat}\n";
  }
  static FieldShape model()
  {
    FieldShape m = DataFolder::model();
    m.levels = 5;
    return m;
  }
  DataFolder folder;
  Time const t0 = time_of({1990, 12, 31, 18, 0, 0});
};

TEST_F(LevelDecks, FieldsComeOnTheLevelsOfTheModelTileByTile)
{
  auto const plan = plan_of(deck(block()), DataPlan::Use::training, model());
  EXPECT_EQ(plan.schema.target.front().levels, (std::vector<double>{1, 2, 4, 5, 6}));
  EXPECT_EQ(plan.schema.input_channels(), 5 + 1 + 1 + 2);
  EXPECT_EQ(plan.schema.find_target("ERA5/prognostic/2d/SP")->first_channel, 5);
  int held_above = 0, held_below = 0, between = 0;
  for (Box const box : {Box{0, rows, 0, cols}, Box{1, 3, 2, 7}, Box{4, 6, 0, 1}, Box{2, 2, 0, 8}}) {
    Dataset data(plan, box);
    auto const x = data.input(t0), y = data.target(t0, true).physical;
    auto const channels = static_cast<std::size_t>(plan.schema.input_channels());
    ASSERT_EQ(x.size(), static_cast<std::size_t>(box.cells()) * channels * 2);
    ASSERT_EQ(y.size(), static_cast<std::size_t>(box.cells()) * 6);
    std::size_t cell = 0;
    for (index_t r = box.row0; r < box.row1; ++r)
      for (index_t c = box.col0; c < box.col1; ++c, ++cell) {
        double const ps = pressure(t0, r, c), high = 30000 + 0.2 * ps, low = 4000 + 0.9 * ps; // pressures of the files'
        double const at_high = wind(t0, 2, r, c), at_low = wind(t0, 0, r, c); // the deck's order: 1000, then 500
        std::vector<double> const a{10000, 25000, 15000, 5000, -70000}, b{0, 0.1, 0.65, 0.9, 0.6};
        for (std::size_t k = 0; k < 5; ++k) {
          double const p = std::max(a[k] + b[k] * ps, 0.57);
          double const expected = p <= high  ? at_high
                                  : p >= low ? at_low
                                             : at_high + (at_low - at_high) * std::log(p / high) / std::log(low / high);
          ++(p <= high ? held_above : p >= low ? held_below : between);
          ASSERT_NEAR(y[cell * 6 + k], expected, 2e-7 * std::fabs(expected)) << r << " " << c << " " << k;
          // Of two frames, the second is that of t0.
          ASSERT_EQ(x[cell * channels * 2 + k * 2 + 1], y[cell * 6 + k]);
        }
        ASSERT_EQ(y[cell * 6 + 5], static_cast<float>(ps));
      }
  }
  EXPECT_TRUE(held_above && held_below && between);
}

/// Coefficients from the ground up: the data begin there, and the numbers come out alike.
TEST_F(LevelDecks, DataMayBeginAtTheGround)
{
  auto const plan = plan_of(deck(block()), DataPlan::Use::training, model());
  write("from.nc", {{"am", {4000, 30000}}, {"bm", {0.9, 0.2}}});
  auto text = deck(block());
  text.replace(text.find("levels: [1000, 500]"), 19, "levels: [500, 1000]");
  auto const turned = plan_of(text, DataPlan::Use::training, model());
  Box const globe{0, rows, 0, cols};
  EXPECT_EQ(Dataset(turned, globe).target(t0, true).physical, Dataset(plan, globe).target(t0, true).physical);
}

/// A surface pressure of another source, which changes much from step to step: each frame has its own.
TEST_F(LevelDecks, EachTimeHasItsPressure)
{
  auto const ground = [](int step, index_t cell) { return 70000.0 + 8000 * step + static_cast<double>(cell); };
  io::NetcdfWriter w(folder.path("ground.nc"));
  w.dimension("time", 5);
  w.dimension("lat", rows);
  w.dimension("lon", cols);
  w.variable("time", io::NetcdfType::float64, {"time"});
  w.attribute("time", "units", "hours since 1990-12-31 00:00:00");
  w.variable("lat", io::NetcdfType::float64, {"lat"});
  w.variable("lon", io::NetcdfType::float64, {"lon"});
  w.variable("P", io::NetcdfType::float64, {"time", "lat", "lon"});
  std::vector<double> lat, lon, values;
  for (index_t r = 0; r < rows; ++r)
    lat.push_back(latitude(r));
  for (index_t c = 0; c < cols; ++c)
    lon.push_back(longitude(c));
  for (int step = 0; step < 5; ++step)
    for (index_t cell = 0; cell < rows * cols; ++cell)
      values.push_back(ground(step, cell));
  w.write("time", {0, 6, 12, 18, 24});
  w.write("lat", lat);
  w.write("lon", lon);
  w.write("P", values);
  w.close();
  auto text = deck(block());
  text.replace(text.find("surface_pressure_var: SP"), 24, "surface_pressure_var: Ground/dynamic_forcing/2d/P");
  text.replace(text.find("    Sun:"), 8,
               fmt::format("    Ground: {{dataset_type: local, variables: {{dynamic_forcing: {{vars_2D: [P], path: "
                           "{}}}}}}}\n    Sun:",
                           folder.path("ground.nc")));
  text.replace(text.find("1990-12-30 00:00"), 16, "1990-12-31 00:00");
  text.replace(text.find("1991-01-02 18:00"), 16, "1991-01-01 00:00");
  text.replace(text.find("forecast_len: 3"), 15, "forecast_len: 1");
  FieldShape shape = model();
  ++shape.input_only_channels;
  Dataset data(plan_of(text, DataPlan::Use::training, shape), Box{0, rows, 0, cols});
  std::size_t const channels = 5 + 1 + 1 + 1 + 2;
  for (int const step : {1, 3, 2}) {
    auto const x = data.input(time_of({1990, 12, 31}) + 21600 * step);
    for (index_t cell = 0; cell < rows * cols; ++cell)
      for (int frame = 0; frame < 2; ++frame) {
        Time const t = time_of({1990, 12, 31}) + 21600 * (step + frame - 1);
        double const ps = ground(step + frame - 1, cell), high = 30000 + 0.2 * ps, low = 4000 + 0.9 * ps,
                     p = 15000 + 0.65 * ps, at_high = wind(t, 2, cell / cols, cell % cols),
                     at_low = wind(t, 0, cell / cols, cell % cols);
        ASSERT_GT(p, high);
        ASSERT_LT(p, low);
        double const expected = at_high + (at_low - at_high) * std::log(p / high) / std::log(low / high);
        ASSERT_NEAR(x[static_cast<std::size_t>(cell) * channels * 2 + 4 + static_cast<std::size_t>(frame)], expected,
                    2e-7 * expected)
            << step << " " << frame;
      }
  }
}

TEST_F(LevelDecks, MistakesAreNamed)
{
  auto const message = [&](std::string const& blocks) {
    return message_of([&] { plan_of(deck(blocks), DataPlan::Use::training, model()); });
  };
  EXPECT_THAT(message(block(", variables: [V]").replace(block().find("variables: [U], "), 16, "")),
              HasSubstr("V is not among the fields that this block sees"));
  EXPECT_THAT(message(block(", source_levels: [1, 1]")), HasSubstr("neither rises nor falls"));
  EXPECT_THAT(message(block("", "no")), HasSubstr("missing or not finite"));
  EXPECT_THAT(message(block(", source_levels: [2]")), HasSubstr("leaves one level"));
  EXPECT_THAT(message(block(", data_types: [target]")), HasSubstr("args.data_types"));
  EXPECT_THAT(message(block() + block().replace(4, 6, "second")), HasSubstr("U has 5 levels in its files"));
  auto text = block();
  EXPECT_THAT(message(text.replace(text.find("surface_pressure_var: SP"), 24, "surface_pressure_var: U")),
              HasSubstr("U has 2 levels"));
  text = block();
  EXPECT_THAT(message(text.replace(text.find("variables: [U]"), 14, "variables: [SP]")), HasSubstr("SP has no levels"));
  EXPECT_THAT(message("    root: {type: sqrt_transform, args: {variables: [SP]}}\n" + block()),
              HasSubstr("put hybrid_level_interp first"));
  // Without the block the model has levels that the data lack.
  EXPECT_THAT(message_of([&] { plan_of(deck(block())); }), HasSubstr("model.channels"));
  // A pressure that is none.
  folder.write_year("era_1991.nc", time_of({1991, 1, 1}), time_of({1991, 1, 3}), {}, 1);
  auto const plan = plan_of(deck(block()), DataPlan::Use::training, model());
  Dataset data(plan, Box{0, rows, 0, cols});
  EXPECT_THAT(message_of([&] {
                data.target(time_of({1991, 1, 1, 6, 0, 0}), true);
              }),
              AllOf(HasSubstr("era_1991.nc, variable SP"), HasSubstr("1 of 48 values"),
                    HasSubstr("preblocks.per_step.levels.args.surface_pressure_var")));
}

TEST_F(LevelDecks, APostblockReplacesTheVariableInForecasts)
{
  auto const text = deck("") + "postblocks:\n  per_step:\n    reconstruct: {type: reconstruct}\n" + block();
  auto const plan = plan_of(text);
  ASSERT_EQ(plan.transforms.stages.size(), 1u);
  auto const& b = std::get<HybridInterpolation>(plan.transforms.stages[0].block->what);
  EXPECT_EQ(b.a, (std::vector<double>{30000, 4000}));
  EXPECT_EQ(b.b, (std::vector<double>{0.2, 0.9}));
  EXPECT_FALSE(b.reversed);
  EXPECT_EQ(b.to_a, (std::vector<double>{10000, 25000, 15000, 5000, -70000}));
  ASSERT_EQ(b.to_b.size(), 5u);
  EXPECT_NEAR(b.to_b[2], 0.65, 1e-15);
  EXPECT_EQ(b.pressure.first, 2);
  ASSERT_EQ(b.variables.size(), 1u);
  EXPECT_EQ(b.variables[0].from.first, 0);
  EXPECT_EQ(b.variables[0].from.count, 2);
  EXPECT_EQ(b.variables[0].to.first, 3);
  ASSERT_EQ(plan.transforms.derived.size(), 1u);
  auto const& e = plan.transforms.derived[0];
  EXPECT_EQ(e.key, "ERA5/prognostic/3d/U");
  EXPECT_EQ(e.levels, (std::vector<double>{1, 2, 4, 5, 6}));
  // The model's own levels stay in the schema, which losses and the next step take.
  EXPECT_EQ(plan.schema.find_target(e.key)->n_levels(), 2);
}
} // namespace
