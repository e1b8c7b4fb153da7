#include <rossby/models/cost.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

ModelConfig one_degree()
{
  ModelConfig c;
  c.image_height = 181;
  c.image_width = 360;
  c.frames = 1;
  c.levels = 18;
  c.channels = 4;
  c.surface_channels = 4;
  c.input_only_channels = 4;
  c.output_only_channels = 8;
  c.dim = {32, 64, 128, 256};
  c.global_window = {8, 4, 2, 1};
  c.local_window = {4, 4, 4, 4};
  c.strides = {2, 2, 2, 2};
  c.padding = {true, PaddingConfig::Mode::earth, 37, 38, 12, 12};
  return c;
}

TEST(Cost, OneDegreeDeck)
{
  EXPECT_NEAR(forward_flops(one_degree()) / 1e12, 0.072, 0.0015); // counted by hand from CREDIT's model
}

TEST(Cost, Grids)
{
  auto const parts = forward_cost(one_degree());
  ASSERT_EQ(parts.size(), 8u);
  EXPECT_EQ(parts[0].rows, 128);
  EXPECT_EQ(parts[3].cols, 24);
  EXPECT_EQ(parts[7].rows, 256);
  EXPECT_EQ(parts[7].channels, 84);
}

} // namespace
} // namespace rossby
