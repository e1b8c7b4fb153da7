#include <rossby/models/wxformer/config.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

WXFormerConfig one_degree()
{
  WXFormerConfig c;
  c.fields.height = 181;
  c.fields.width = 360;
  c.fields.frames = 1;
  c.fields.levels = 18;
  c.fields.channels = 4;
  c.fields.surface_channels = 4;
  c.fields.input_only_channels = 4;
  c.fields.output_only_channels = 8;
  c.dim = {32, 64, 128, 256};
  c.global_window = {8, 4, 2, 1};
  c.local_window = {4, 4, 4, 4};
  c.strides = {2, 2, 2, 2};
  c.padding = {true, SpherePadding::Mode::earth, 37, 38, 12, 12};
  return c;
}

TEST(Cost, OneDegreeDeck)
{
  EXPECT_NEAR(forward_flops(one_degree()) / 1e12, 0.072, 0.0015); // counted by hand from CREDIT's model
}

TEST(Cost, Grids)
{
  auto const parts = one_degree().parts();
  ASSERT_EQ(parts.size(), 8u);
  EXPECT_EQ(parts[0].rows, 128);
  EXPECT_EQ(parts[3].cols, 24);
  EXPECT_EQ(parts[7].rows, 256);
  EXPECT_EQ(parts[7].channels, 84);
}

} // namespace
} // namespace rossby
