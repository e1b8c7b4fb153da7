// Postblocks that couple channels or cells, as decks spell them, with the files that they name.
#include "fixture.hpp"

#include "data/block_types.hpp"
#include "data/postblocks.hpp"
#include "data/preprocess.hpp"

#include <gmock/gmock.h>

namespace {
using namespace rossby;
using namespace rossby::test;
using ::testing::HasSubstr;

class PostblockDecks : public ::testing::Test {
protected:
  void SetUp() override
  {
    folder.write_all();
    preprocess(Deck::parse(folder.deck_text()), DataFolder::model(), Communicator());
    write_physics("physics.nc", rows);
  }
  /// From south to north and from 180E; two levels and their three interfaces.
  void write_physics(std::string const& name, index_t n) const
  {
    io::NetcdfWriter w(folder.path(name));
    w.dimension("y", n);
    w.dimension("x", cols);
    w.dimension("interface", 3);
    for (char const* field : {"lat2d", "lon2d", "PHIS"})
      w.variable(field, io::NetcdfType::float32, {"y", "x"});
    for (char const* field : {"hyai", "hybi", "falling"})
      w.variable(field, io::NetcdfType::float64, {"interface"});
    std::vector<double> lat, lon, phis;
    for (index_t i = n - 1; i >= 0; --i)
      for (index_t j = 0; j < cols; ++j) {
        lat.push_back(latitude(i));
        lon.push_back(longitude((j + 4) % cols) + 0.001); // what float32 leaves
        phis.push_back(height(i, (j + 4) % cols));
      }
    w.write("lat2d", lat);
    w.write("lon2d", lon);
    w.write("PHIS", phis);
    w.write("hyai", {100, 5000, 0});
    w.write("hybi", {0, 0.3, 1});
    w.write("falling", {1, 0.3, 0});
    w.close();
  }
  /// The deck with more postblocks before the target's twin.
  std::string deck(std::string const& blocks) const
  {
    auto text = folder.deck_text();
    auto const at = text.find("    twin:");
    return text.substr(0, at) + blocks + text.substr(at);
  }
  std::string mass(std::string const& more = "", std::string const& file = "physics.nc") const
  {
    return fmt::format("    mass: {{type: global_mass_fixer, args: {{save_loc_physics: {}, lon_lat_level_name: [lon2d, "
                       "lat2d, hyai, hybi], midpoint: true, q_var: U, sp_var: ERA5/prognostic/2d/SP{}}}}}\n",
                       folder.path(file), more);
  }
  DataFolder folder;
};

TEST_F(PostblockDecks, ChainsAreCutWhereBlocksCoupleAndFilesAreTurned)
{
  auto const plan = plan_of(deck(mass() + "    after: {type: square_transform, args: {variables: [SP]}}\n"));
  auto const& t = plan.transforms;
  ASSERT_EQ(t.stages.size(), 1u);
  EXPECT_EQ(t.output[2].size(), 2u); // out of the scaler, and the bound
  EXPECT_EQ(t.stages[0].after[2].size(), 1u);
  EXPECT_EQ(t.feedback[2].size(), t.input_step[2].size()); // from physical units
  EXPECT_EQ(t.physical_input[0].size(), 1u);
  EXPECT_TRUE(t.flatten.empty());
  EXPECT_EQ(t.stages[0].block->deck_key, "postblocks.per_step.mass");

  auto const& block = std::get<MassFixer>(t.stages[0].block->what);
  EXPECT_EQ(block.q.first, 0);
  EXPECT_EQ(block.q.count, 2);
  EXPECT_EQ(block.pressure.first, 2);
  EXPECT_EQ(block.columns.a, (std::vector<double>{4900, -5000}));
  EXPECT_EQ(block.columns.b, (std::vector<double>{0.3, 0.7}));
  // Rows of the model: -15 is the third; its neighbours are at 45 and -15 of the model's list 75, 45, 15, -15, ...
  double const degree = std::acos(-1.0) / 180, radius = 6371000;
  auto const area = [&](index_t row) { return block.columns.area[static_cast<std::size_t>(row * cols + 3)]; };
  EXPECT_NEAR(area(2) / (radius * radius * 45 * degree * std::fabs(std::sin(45 * degree) - std::sin(-15 * degree)) / 2),
              1, 1e-5);
  double const edge = (-3 * std::sin(75 * degree) + 4 * std::sin(45 * degree) - std::sin(15 * degree)) / 2;
  EXPECT_NEAR(area(0) / (radius * radius * 45 * degree * std::fabs(edge)), 1, 1e-5);
}

TEST_F(PostblockDecks, PressureLevels)
{
  auto text = mass(", grid_type: pressure, fix_level_num: 3");
  text.replace(text.find("hyai, hybi"), 10, "hybi"); // 0, 0.3, 1: as good as pressures
  auto const plan = plan_of(deck(text));
  auto const& block = std::get<HumidityFixer>(plan.transforms.stages[0].block->what);
  EXPECT_EQ(block.columns.a, (std::vector<double>{0.3, 0.7}));
  EXPECT_EQ(block.columns.b, (std::vector<double>{0, 0}));
  EXPECT_EQ(block.first_fixed, 1);
  EXPECT_EQ(block.held, (std::vector<double>{0.3, 0}));
  EXPECT_EQ(block.fixed, (std::vector<double>{0, 0.7}));
  text.replace(text.find("fix_level_num: 3"), 16, "fix_level_num: 2");
  EXPECT_THAT(message_of([&] { plan_of(deck(text)); }), HasSubstr("leaves no layer to change"));
}

TEST_F(PostblockDecks, EnergyAndFlattening)
{
  std::string fluxes;
  for (char const* key : {"toa_up_solar_var", "toa_up_olr_var", "surf_down_solar_var", "surf_up_solar_var",
                          "surf_down_lw_var", "surf_up_lw_var", "surf_sh_var", "surf_lh_var"})
    fluxes += fmt::format(", {}: SP", key);
  auto const energy = [&](std::string const& sun) {
    return fmt::format(
        "    energy: {{type: global_energy_fixer_updown, args: {{save_loc_physics: {}, "
        "lon_lat_level_name: [lon2d, lat2d, hyai, hybi], midpoint: true, fix_level_num: 14, "
        "lead_time_periods: 6, surface_geopotential_name: [PHIS], T_var: U, q_var: U, U_var: U, V_var: U, "
        "sp_var: SP, toa_down_solar_input_var: {}{}}}}}\n",
        folder.path("physics.nc"), sun, fluxes);
  };
  std::string const flatten =
      fmt::format("    flatten: {{type: flatten_to_tensor, args: {{scaler_path: {}, variables: [SP]}}}}\n",
                  folder.path("scaler.json"));
  auto const plan = plan_of(deck(energy("HGT") + flatten));
  auto const& block = std::get<EnergyFixer>(plan.transforms.stages[0].block->what);
  EXPECT_EQ(block.seconds, 21600);
  EXPECT_EQ(block.top[0].channel, 3);
  EXPECT_TRUE(block.top[0].of_input);
  EXPECT_EQ(block.surface[1].factor, -1 / 21600.0);
  EXPECT_EQ(block.surface[4].factor, 1 / 21600.0); // SH and LH as the second generation has them
  for (index_t i = 0; i < rows * cols; ++i)
    EXPECT_NEAR(block.surface_geopotential[static_cast<std::size_t>(i)], height(i / cols, i % cols), 1e-6);
  ASSERT_EQ(plan.transforms.flatten.size(), 3u);
  EXPECT_TRUE(plan.transforms.flatten[0].empty());
  EXPECT_EQ(plan.transforms.flatten[2].size(), 1u);
  EXPECT_THAT(message_of([&] { plan_of(deck(energy("tisr"))); }), HasSubstr("has 2 levels"));
  auto const first =
      plan_of(deck(energy("HGT, top_fluxes: accumulated, turbulent_fluxes: upward, toa_down_solar_var: SP")));
  auto const& other = std::get<EnergyFixer>(first.transforms.stages[0].block->what);
  EXPECT_FALSE(other.top[0].of_input);
  EXPECT_EQ(other.top[1].factor, -1 / 21600.0);
  EXPECT_EQ(other.surface[5].factor, -1 / 21600.0);
}

TEST_F(PostblockDecks, DiagnosticsAddFields)
{
  std::string const level = fmt::format("level_info_file: {}", folder.path("physics.nc"));
  auto const plan = plan_of(deck(fmt::format(
      "    mslp: {{type: mslp_diagnostic, args: {{surface_pressure_var: SP, temperature_var: SP, "
      "surface_geopotential_var: HGT, output_name: ERA5/derived_diagnostic/2d/mslp}}}}\n"
      "    z: {{type: geopotential_diagnostic, args: {{surface_pressure_var: SP, temperature_var: U, "
      "specific_humidity_var: U, surface_geopotential_var: HGT, {0}, model_a_half_var: hyai, model_b_half_var: hybi, "
      "output_name: ERA5/derived_diagnostic/3d/z}}}}\n"
      "    p: {{type: pressure_interp_diagnostic, args: {{surface_pressure_var: SP, temperature_var: U, "
      "surface_geopotential_var: HGT, geopotential_var: ERA5/derived_diagnostic/3d/z, interp_variables: [], "
      "pressure_levels: [850], {0}, model_a_var: hyai, model_b_var: hybi, levels: [3, 1], output_suffix: _P}}}}\n",
      level)));
  auto const& derived = plan.transforms.derived;
  std::vector<std::string> keys;
  for (auto const& e : derived)
    keys.push_back(fmt::format("{}:{}:{}", e.key, e.first_channel, e.n_levels()));
  EXPECT_EQ(keys,
            (std::vector<std::string>{"ERA5/derived_diagnostic/2d/mslp:3:1", "ERA5/derived_diagnostic/3d/z:4:2",
                                      "ERA5/derived_diagnostic/3d/U_P:6:1", "ERA5/derived_diagnostic/3d/z_P:7:1"}));
}

TEST_F(PostblockDecks, LevelsOfEra5AreKnown)
{
  auto const plan =
      plan_of(deck("    z: {type: geopotential_diagnostic, args: {surface_pressure_var: SP, temperature_var: U, "
                   "specific_humidity_var: U, surface_geopotential_var: HGT, levels: [100, 137], output_name: "
                   "ERA5/derived_diagnostic/3d/z}}\n"));
  auto const& block = std::get<GeopotentialDiagnostic>(plan.transforms.stages[0].block->what);
  ASSERT_EQ(block.a_half.size(), 3u);
  EXPECT_EQ(block.b_half[2], 1);       // the ground
  EXPECT_EQ(block.b_half[1], 0.99763); // level 137's upper interface, which level 100 reaches down to
  EXPECT_EQ(block.a_half[2], 0);
}

TEST_F(PostblockDecks, BlocksAfterTheRolloutAreIgnored)
{
  Problems problems;
  auto const text = folder.deck_text() + "  post_rollout: {mass: {type: global_mass_fixer, args: {any: thing}}}\n";
  auto const plan = DataPlan::make(Deck::parse(text), DataPlan::Use::training, DataFolder::model(), problems);
  EXPECT_TRUE(problems.errors().empty());
  ASSERT_EQ(problems.warnings().size(), 1u);
  EXPECT_EQ(problems.warnings()[0].where(), "postblocks.post_rollout");
  EXPECT_TRUE(plan.transforms.stages.empty());
  Problems misspelt;
  judge_block_types(Deck::parse("postblocks: {post_rollout: {mass: {type: global_mas_fixer}, stir: {type: skebs}}}"),
                    misspelt);
  ASSERT_EQ(misspelt.errors().size(), 1u);
  EXPECT_EQ(misspelt.errors()[0].where(), "postblocks.post_rollout.mass.type");
}

TEST_F(PostblockDecks, MistakesAreNamed)
{
  auto const message = [&](std::string const& blocks) { return message_of([&] { plan_of(deck(blocks)); }); };
  EXPECT_THAT(message(mass(", grid_type: height")), HasSubstr("postblocks.per_step.mass.args.grid_type"));
  EXPECT_THAT(message(mass(", grid_type: pressure")), HasSubstr("name longitude, latitude and the pressure of levels"));
  EXPECT_THAT(message(mass("", "absent.nc")), HasSubstr("absent.nc"));
  write_physics("small.nc", rows - 1);
  EXPECT_THAT(message(mass("", "small.nc")), HasSubstr("is on a grid of 5 x 8 cells, the data on one of 6 x 8"));
  auto text = mass();
  EXPECT_THAT(message(text.replace(text.find("midpoint: true"), 14, "midpoint: false")),
              HasSubstr("hyai has 3 values; variables of 2 levels take 2"));
  text = mass();
  EXPECT_THAT(message(text.replace(text.find("hybi"), 4, "falling")), HasSubstr("does not rise"));
  text = mass();
  EXPECT_THAT(message(text.replace(text.find("q_var: U"), 8, "q_var: Q")), HasSubstr("Q is not among the fields"));
  EXPECT_THAT(message("    stir: {type: skebs}\n"), HasSubstr("skebs is a block of CREDIT that is not supported"));
  std::string const z = "    z: {type: geopotential_diagnostic, args: {surface_pressure_var: SP, temperature_var: U, "
                        "specific_humidity_var: U, surface_geopotential_var: HGT";
  EXPECT_THAT(message(z + "}}\n"), HasSubstr("has 2 levels, the coefficients describe 137"));
  EXPECT_THAT(message(z + ", level_info_file: LSM.nc}}\n"), HasSubstr("credit/metadata"));
  EXPECT_THAT(message("    flatten: {type: flatten_to_tensor}\n" + mass()), HasSubstr("must be the last block"));
}
} // namespace
