#include "data/made_up.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rossby {
namespace {

TEST(MadeUpPlan, HasTheFilesOfBlocks)
{
  auto const deck = Deck::parse(R"(
per_step:
  energy:
    type: global_energy_fixer
    args: {save_loc_physics: a/physics.nc, lon_lat_level_name: [lon2d, lat2d, hyai, hybi], midpoint: true,
           surface_geopotential_name: [PHIS]}
  water:
    type: global_water_fixer
    args: {save_loc_physics: a/pressure.nc, lon_lat_level_name: [longitude, latitude, p], grid_type: pressure}
  height:
    type: geopotential_diagnostic
    args: {level_info_file: a/levels.nc, levels: [2, 5]}
  known:
    type: geopotential_diagnostic
    args: {level_info_file: ERA5_Lev_Info.nc}
)");
  MadeUpPlan plan;
  plan.height = 4;
  plan.width = 8;
  plan.n_levels = 3;
  plan.add_blocks(deck.root(), DataConfig());
  ASSERT_EQ(plan.files.size(), 3u);
  auto const& physics = plan.files.at("a/physics.nc");
  using Values = MadeUpPlan::Variable::Values;
  EXPECT_EQ(physics.variables.size(), 3u);
  EXPECT_EQ(physics.variables.at("lon2d").values, Values::longitude);
  EXPECT_EQ(physics.variables.at("lat2d").values, Values::latitude);
  EXPECT_EQ(physics.variables.at("PHIS").values, Values::waves);
  ASSERT_EQ(physics.lists.at("hyai").size(), 4u);
  ASSERT_EQ(physics.lists.at("hybi").size(), 4u);
  for (std::size_t k = 0; k < 3; ++k) // pressure rises where that at the ground is 10
    EXPECT_LT(physics.lists.at("hyai")[k] + 10 * physics.lists.at("hybi")[k],
              physics.lists.at("hyai")[k + 1] + 10 * physics.lists.at("hybi")[k + 1]);
  EXPECT_EQ(physics.lists.at("hybi").back(), 1);
  EXPECT_TRUE(plan.files.at("a/pressure.nc").variables.empty());
  EXPECT_EQ(plan.files.at("a/pressure.nc").lists.at("p").size(), 3u);
  EXPECT_EQ(plan.files.at("a/levels.nc").lists.at("a_half").size(), 6u);
  EXPECT_EQ(plan.files.at("a/levels.nc").lists.at("b_model").size(), 5u);
}

TEST(MadeUpPlan, ForecastsHaveAllOfTheirTimes)
{
  DataConfig config;
  SourceConfig source;
  source.kind = SourceConfig::Kind::local;
  FieldGroup group;
  group.vars_2d = {"sp"};
  group.path = "%Y.nc";
  source.groups = {group};
  config.sources = {source};
  config.timestep = 3600;
  config.ranges = {{0, 36000}};
  MadeUpPlan plan;
  plan.add(config, {36000, 39600}, 2);
  EXPECT_THAT(plan.files.at("1970.nc").times, ::testing::ElementsAre(0, 3600, 36000, 39600));
}

} // namespace
} // namespace rossby
