#include "fixture.hpp"

#include "data/loader.hpp"
#include "data/preprocess.hpp"
#include "data/solar.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace rossby {
namespace {

using namespace test;
using ::testing::HasSubstr;

std::string replaced(std::string text, std::string const& what, std::string const& by)
{
  auto const at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

class DatasetTest : public ::testing::Test {
protected:
  void SetUp() override { folder.write_all(); }
  /// The plan before scaling: everything in physical units.
  DataPlan raw_plan() const { return plan_of(folder.deck_text(), DataPlan::Use::geometry); }

  DataFolder folder;
  Box const whole{0, rows, 0, cols};
  Time const t0 = time_of({1990, 12, 31, 18, 0, 0});
};

TEST_F(DatasetTest, SchemaFollowsCreditsOrder)
{
  auto const schema = raw_plan().schema;
  std::vector<std::string> keys;
  for (auto const& e : schema.input)
    keys.push_back(fmt::format("{}:{}:{}", e.key, e.first_channel, e.n_levels()));
  EXPECT_EQ(keys, (std::vector<std::string>{"ERA5/prognostic/3d/U:0:2", "ERA5/prognostic/2d/SP:2:1",
                                            "ERA5/static/2d/HGT:3:1", "Sun/dynamic_forcing/2d/tisr:4:2"}));
  EXPECT_EQ(schema.feedback(), (std::vector<int>{0, 1, 2, -1, -1, -1}));
  EXPECT_EQ(schema.forcing(), (std::vector<int>{4, 5}));
  schema.expect_same(schema.to_yaml(), "channel_schema.yaml");
  EXPECT_THAT(
      message_of([&] { schema.expect_same(replaced(schema.to_yaml(), "n_levels: 2", "n_levels: 3"), "f.yaml"); }),
      HasSubstr("ERA5/prognostic/3d/U (3 levels, 2 times)"));
}

TEST_F(DatasetTest, DeliversFieldsNorthFirstAndRolled)
{
  auto const plan = raw_plan();
  EXPECT_EQ(plan.grid.latitude.front(), 75);
  EXPECT_EQ(plan.grid.longitude, (std::vector<double>{0, 45, 90, 135, 180, 225, 270, 315}));
  Dataset data(plan, whole);
  EXPECT_EQ(data.size(), 12); // 16 ticks, less one of history and three of forecast
  EXPECT_EQ(data.initial_time(0), time_of({1990, 12, 30, 6, 0, 0}));
  auto const x = data.input(t0 + 21600); // its older frame is in the file of the year before
  auto const sun =
      insolation(t0 + 2 * 21600, 21600, 12, SolarIrradiance(), plan.grid.latitude, plan.grid.longitude, whole);
  for (index_t r = 0; r < rows; ++r)
    for (index_t c = 0; c < cols; ++c) {
      float const* const cell = x.data() + (r * cols + c) * 12;
      for (int frame = 0; frame < 2; ++frame) {
        Time const t = t0 + frame * 21600;
        EXPECT_EQ(cell[0 + frame], static_cast<float>(wind(t, 2, r, c))) << "1000 hPa";
        EXPECT_EQ(cell[2 + frame], static_cast<float>(wind(t, 0, r, c))) << "500 hPa";
        EXPECT_EQ(cell[4 + frame], static_cast<float>(pressure(t, r, c)));
        EXPECT_EQ(cell[6 + frame], static_cast<float>(height(r, c)));
      }
      EXPECT_EQ(cell[11], static_cast<float>(sun[static_cast<std::size_t>(r * cols + c)])) << "offset 1, newest frame";
      EXPECT_EQ(cell[8 + 1], cell[10 + 0]) << "offset 0 now is offset 1 one step ago";
    }
  auto const y = data.target(t0, true);
  EXPECT_EQ(y.physical[(2 * cols + 5) * 3 + 2], static_cast<float>(pressure(t0, 2, 5)));
}

TEST_F(DatasetTest, TilesHoldTheSameCellsAsTheWhole)
{
  auto const plan = raw_plan();
  auto const all = Dataset(plan, whole).input(t0);
  for (Box const box : {Box{0, 2, 0, 8}, Box{2, 6, 3, 8}, Box{5, 6, 5, 7}, Box{1, 4, 0, 1}, Box{3, 3, 0, 8}}) {
    auto const part = Dataset(plan, box).input(t0);
    ASSERT_EQ(part.size(), static_cast<std::size_t>(box.cells() * 12));
    std::size_t i = 0;
    for (index_t r = box.row0; r < box.row1; ++r)
      for (index_t c = box.col0; c < box.col1; ++c)
        for (index_t k = 0; k < 12; ++k)
          ASSERT_EQ(part[i++], all[static_cast<std::size_t>((r * cols + c) * 12 + k)]);
  }
}

TEST_F(DatasetTest, PreprocessFitsAndTransformsInvert)
{
  EXPECT_THAT(message_of([&] { plan_of(folder.deck_text()); }), HasSubstr("rossby preprocess"));
  auto const report = preprocess(Deck::parse(folder.deck_text()), DataFolder::model(), Communicator());
  EXPECT_EQ(report.samples, 12);
  EXPECT_EQ(report.files.front().backup, "");
  EXPECT_NE(preprocess(Deck::parse(folder.deck_text()), DataFolder::model(), Communicator()).files.front().backup, "");

  auto const plan = plan_of(folder.deck_text());
  Dataset data(plan, whole);
  double mean = 0, square = 0;
  for (index_t i = 0; i < data.size(); ++i) {
    auto const y = data.target(data.initial_time(i) + 21600, true);
    for (std::size_t cell = 0; cell < 48; ++cell) {
      mean += y.normalised[cell * 3 + 1] / (48 * 12.0);
      square += std::pow(y.normalised[cell * 3 + 1], 2) / (48 * 12.0);
      for (std::size_t c = 0; c < 3; ++c) {
        double const back = apply(plan.transforms.output[c], y.normalised[cell * 3 + c], 0);
        ASSERT_NEAR(back, y.physical[cell * 3 + c], 2e-3 + 1e-6 * back);
      }
    }
  }
  EXPECT_NEAR(mean, 0, 1e-5);
  EXPECT_NEAR(square, 1, 1e-5);

  // Feedback: through physical units, with the bound of tracer_fixer on the way.
  EXPECT_EQ(plan.transforms.feedback[0].size(), 1u);
  EXPECT_EQ(plan.transforms.feedback[2].size(), 3u);
  double const deep = apply(plan.transforms.output[2], -1e6, 0);
  EXPECT_EQ(deep, 90000);
  EXPECT_NEAR(apply(plan.transforms.feedback[2], -1e6, 0), apply(plan.transforms.input_step[2], 90000, 0), 1e-9);
  EXPECT_TRUE(plan.transforms.feedback[3].empty());

  auto const derived = plan_of(folder.deck_text().substr(0, folder.deck_text().find("postblocks:")));
  EXPECT_NEAR(apply(derived.transforms.output[0], 0.3, 0), apply(plan.transforms.output[0], 0.3, 0), 1e-9);
}

TEST_F(DatasetTest, MinMaxScalersFillTheRangeFromZeroToOne)
{
  auto const deck = replaced(folder.deck_text(), "variables: [ERA5/prognostic, Sun]",
                             "scaler_type: minmax, variables: [ERA5/prognostic, Sun]");
  preprocess(Deck::parse(deck), DataFolder::model(), Communicator());
  auto const plan = plan_of(deck);
  Dataset data(plan, whole);
  std::vector<float> low(3, 2), high(3, -2);
  for (index_t i = 0; i < data.size(); ++i) {
    auto const y = data.target(data.initial_time(i) + 21600, true);
    for (std::size_t n = 0; n < y.normalised.size(); ++n) {
      low[n % 3] = std::min(low[n % 3], y.normalised[n]);
      high[n % 3] = std::max(high[n % 3], y.normalised[n]);
      ASSERT_NEAR(apply(plan.transforms.output[n % 3], y.normalised[n], 0), y.physical[n], 1e-6 * y.physical[n] + 1e-4);
    }
  }
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(low[c], 0, 2e-4); // the file holds float32
    EXPECT_NEAR(high[c], 1, 2e-4);
  }
  EXPECT_THAT(message_of([&] { plan_of(replaced(deck, "scaler_type: minmax", "scaler_type: standard")); }),
              HasSubstr("holds a minmax scaler"));
}

TEST_F(DatasetTest, SpatialVariablesHaveAScaleInEachCell)
{
  auto const deck = replaced(replaced(folder.deck_text(), "variables: [ERA5/prognostic, Sun]",
                                      "variables: [Sun], spatial_variables: [ERA5/prognostic/2d/SP]"),
                             "variables: [ERA5/prognostic]}", "spatial_variables: [ERA5/prognostic/2d/SP]}");
  preprocess(Deck::parse(deck), DataFolder::model(), Communicator());
  auto const plan = plan_of(deck);
  Dataset tile(plan, Box{2, 4, 3, 5});
  double mean = 0;
  for (index_t i = 0; i < tile.size(); ++i)
    mean += tile.target(tile.initial_time(i) + 21600, true).normalised[2];
  EXPECT_NEAR(mean / 12, 0, 1e-3);
  EXPECT_EQ(plan.transforms.input_step[2].front().cell_scale.size(), 48u);

  // Beside them an empty list means all variables, too.
  std::string const both = "variables: [], spatial_variables: [ERA5/prognostic/2d/SP]";
  auto const all = replaced(replaced(folder.deck_text(), "variables: [ERA5/prognostic, Sun]", both),
                            "variables: [ERA5/prognostic]}", both + "}");
  preprocess(Deck::parse(all), DataFolder::model(), Communicator());
  auto const steps = plan_of(all).transforms.input_step;
  ASSERT_EQ(steps[0].size(), 1u);
  EXPECT_TRUE(steps[0].front().cell_scale.empty());
  EXPECT_EQ(steps[2].front().cell_scale.size(), 48u);
}

TEST_F(DatasetTest, PersistAndCyclicModesFindTheirRecord)
{
  auto plan = raw_plan();
  plan.config.sources[0].temporal_mode = TemporalMode::persist;
  Dataset persist(plan, whole);
  Time const late = time_of({1991, 1, 5});
  EXPECT_EQ(persist.target(late, true).physical[0], static_cast<float>(wind(time_of({1991, 1, 2, 18, 0, 0}), 2, 0, 0)));
  EXPECT_EQ(persist.target(t0 + 3600, true).physical[0], static_cast<float>(wind(t0, 2, 0, 0)));
  plan.config.sources[0].temporal_mode = TemporalMode::cyclic;
  plan.config.sources[0].cycle_year = 1991;
  EXPECT_EQ(Dataset(plan, whole).target(time_of({2004, 1, 2, 6, 0, 0}), true).physical[0],
            static_cast<float>(wind(time_of({1991, 1, 2, 6, 0, 0}), 2, 0, 0)));
}

TEST_F(DatasetTest, FillValuesFillGaps)
{
  folder.write_year("era_1991.nc", time_of({1991, 1, 1}), time_of({1991, 1, 3}), {}, 2);
  Time const gap = time_of({1991, 1, 1, 12, 0, 0});
  std::string const fill = "preblocks:\n  per_step:\n    fill: {type: fill_values, args: {variables: [SP], rules: "
                           "[{search: nan, op: ==, fill: 12}]}}\n";
  auto const deck = folder.deck_text();
  Dataset with(plan_of(deck.substr(0, deck.find("preblocks:")) + fill), whole);
  EXPECT_EQ(with.target(gap, true).physical[(2 * cols + 3) * 3 + 2], 12);

  auto const text = message_of([&] { Dataset(raw_plan(), whole).target(gap, true); });
  EXPECT_THAT(text, HasSubstr("era_1991.nc, variable SP"));
  EXPECT_THAT(text, HasSubstr("1 of 48 values at 1991-01-01 12:00:00"));
  EXPECT_THAT(message_of([&] { preprocess(Deck::parse(deck), DataFolder::model(), Communicator()); }),
              HasSubstr("1 of 48"));
}

TEST_F(DatasetTest, TimesThatAreMissingDuplicatedOrOutOfOrderAreNamed)
{
  auto const read = [&](Time t) { return message_of([&] { Dataset(raw_plan(), whole).target(t, true); }); };
  EXPECT_THAT(read(time_of({1991, 1, 1, 3, 0, 0})),
              HasSubstr("the neighbours are 1991-01-01 00:00:00 and 1991-01-01 06:00:00"));
  EXPECT_THAT(read(time_of({1992, 1, 1})), HasSubstr("no file covers 1992-01-01"));
  folder.write_year("era_1991.nc", time_of({1991, 1, 1}), time_of({1991, 1, 2}), {0, 1, 1, 2});
  EXPECT_THAT(read(time_of({1991, 1, 1})), HasSubstr("1991-01-01 06:00:00 occurs twice"));
  folder.write_year("era_1991.nc", time_of({1991, 1, 1}), time_of({1991, 1, 2}), {0, 2, 1, 3});
  EXPECT_THAT(read(time_of({1991, 1, 1})), HasSubstr("out of order"));
}

TEST_F(DatasetTest, BadFilesAndGridsAreNamed)
{
  auto model = DataFolder::model();
  model.height = 7, model.surface_channels = 2;
  auto const text = message_of([&] { plan_of(folder.deck_text(), DataPlan::Use::geometry, model); });
  EXPECT_THAT(text, HasSubstr("model.image_height: is 7, but the data have 6 latitudes"));
  EXPECT_THAT(text, HasSubstr("model.surface_channels: is 2"));

  folder.write_static("static.nc", 5);
  EXPECT_THAT(message_of([&] { Dataset(raw_plan(), whole).input(t0); }), HasSubstr("lies on another grid"));
  std::ofstream(folder.path("static.nc")).flush();
  EXPECT_THAT(message_of([&] { Dataset(raw_plan(), whole).input(t0); }), HasSubstr("empty"));
  std::filesystem::remove(folder.path("static.nc"));
  EXPECT_THAT(message_of([&] { Dataset(raw_plan(), whole).input(t0); }),
              HasSubstr("data.source.ERA5.variables.static"));
}

TEST_F(DatasetTest, LoaderDeliversRolloutsInOrderAndRestarts)
{
  preprocess(Deck::parse(folder.deck_text()), DataFolder::model(), Communicator());
  auto const plan = plan_of(folder.deck_text());
  Sampler::Options options;
  options.samples = 12, options.batch_size = 5;
  Loader loader(plan, whole, Sampler(options), 2);
  EXPECT_FALSE(loader.next());
  std::vector<BatchStep> all;
  loader.start(4);
  while (auto b = loader.next())
    all.push_back(std::move(*b));
  ASSERT_EQ(all.size(), 9u);
  Dataset data(plan, whole);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto const& b = all[i];
    EXPECT_EQ(b.number, static_cast<index_t>(i / 3));
    EXPECT_EQ(b.step, static_cast<int>(i % 3));
    EXPECT_EQ(b.last_step, b.step == 2);
    ASSERT_EQ(b.samples(), i < 6 ? 5 : 2);
    Time const last = data.initial_time(b.indices.samples.back());
    EXPECT_EQ(b.valid_times.back(), last + (b.step + 1) * 21600);
    EXPECT_EQ(b.input.empty(), b.step > 0);
    EXPECT_EQ(b.forcing.size(), b.step > 0 ? static_cast<std::size_t>(b.samples() * 48 * 2) : 0u);
    auto const truth = data.target(b.valid_times.back(), false).physical;
    EXPECT_TRUE(
        std::equal(truth.begin(), truth.end(), b.target_physical.end() - static_cast<std::ptrdiff_t>(truth.size())));
  }
  EXPECT_EQ(all[1].forcing[1], data.input(data.initial_time(all[1].indices.samples[0]) + 21600)[11])
      << "offset 1, newest frame";

  loader.start(4, 2);
  auto const again = loader.next();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->input, all[6].input);
  EXPECT_EQ(again->indices.samples, all[6].indices.samples);
  loader.start(5); // in the middle of an epoch
  EXPECT_EQ(loader.next()->number, 0);
}

TEST_F(DatasetTest, LoaderHandsOnWhatItsThreadThrows)
{
  folder.write_year("era_1991.nc", time_of({1991, 1, 1}), time_of({1991, 1, 3}), {}, 2);
  Sampler::Options options;
  options.samples = 12, options.shuffle = false;
  Loader loader(raw_plan(), whole, Sampler(options), 3);
  loader.start(0);
  int delivered = 0;
  EXPECT_THAT(message_of([&] {
                while (loader.next())
                  ++delivered;
              }),
              HasSubstr("1 of 48 values"));
  EXPECT_GT(delivered, 0);
}

TEST_F(DatasetTest, DecksWithMistakesAreRefusedByName)
{
  auto const text = folder.deck_text();
  auto const expect = [&](std::string const& what, std::string const& by, std::string const& message) {
    EXPECT_THAT(message_of([&] { plan_of(replaced(text, what, by), DataPlan::Use::geometry); }), HasSubstr(message));
  };
  expect("dataset_type: local", "dataset_type: arco_era5",
         "data.source.ERA5.dataset_type: 'arco_era5' is a remote source");
  expect("levels: [1000, 500]", "levels: []", "an empty list means no level");
  expect("timestep: 6h", "timestep: 1M", "data.timestep");
  expect("forecast_len: 3", "forecast_len: 0", "from 1");
  expect("end_datetime: 1991-01-02 18:00", "end_datetime: 1990-12-30 18:00", "no sample fits");
  expect("vars_2D: [SP]", "vars_2D: [PS]", "has no variable PS");
  expect("vars_2D: [SP]", "vars_2D: [SP, SP]", "listed twice");

  preprocess(Deck::parse(text), DataFolder::model(), Communicator());
  auto const block = [&](std::string const& what, std::string const& by, std::string const& message) {
    EXPECT_THAT(message_of([&] { plan_of(replaced(text, what, by)); }), HasSubstr(message));
  };
  block("type: bridgescaler_transform", "type: bridgescaler_transfrom", "did you mean bridgescaler_transform?");
  block("variables: [ERA5/prognostic, Sun]", "variables: [ERA5/prognostic/2d/PS]", "not a variable of the data");
  block("variables: [ERA5/prognostic, Sun]", "variables: [ERA5/static]", "has no input scaler for ERA5/static/2d/HGT");
  block("type: tracer_fixer", "type: semilagrangian_advection", "is not supported");
  block("per_step:", "before:", "preblocks.before");
}

} // namespace
} // namespace rossby
