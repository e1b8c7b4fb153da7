// What CAMulator and FuXi refuse, in decks and from programs, and the geometry that CREDIT's arithmetic leads to.

#include <rossby/models/camulator/config.hpp>
#include <rossby/models/fuxi/config.hpp>
#include <rossby/models/model.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rossby {
namespace {

using ::testing::HasSubstr;
using Changes = std::vector<std::string>;

std::string messages(std::string const& file, Changes const& changes)
{
  auto const deck = Deck::load(std::string(ROSSBY_SOURCE_DIR) + "/tests/models/" + file, changes);
  Problems problems;
  read_spec(deck["model"], problems);
  deck.check_all_read(problems);
  return test::text_of(problems);
}

struct Bad {
  Changes changes;
  char const* expected;
};

TEST(Camulator, Refusals)
{
  EXPECT_EQ(messages("camulator.yml", {}), "");
  EXPECT_EQ(messages("camulator.yml", {"model.padding_conf.pad_lat=26"}), "");
  std::vector<Bad> const cases{
      {{"model.frames=4"}, "model.frames: is 4: frames are averaged in pairs"},
      {{"model.patch_height=2"}, "model.patch_width: is 1 while the other is larger"},
      {{"model.patch_height=2", "model.patch_width=2"}, "model.patch_height: is 2 with padding"},
      {{"model.cross_embed_kernel_sizes=[[3], [2], [2], [2]]"}, "is odd, and camulator pads both sides alike"},
      {{"model.local_window_size=[3, 3, 3]"}, "has 3 entries"},
      {{"model.depth=[1, -1, 1, 1]"}, "model.depth: is -1"},
  };
  for (auto const& c : cases)
    EXPECT_THAT(messages("camulator.yml", c.changes), HasSubstr(c.expected)) << c.changes.front();
  EXPECT_THAT(messages("camulator_patches.yml", {"model.interp=false"}), HasSubstr("gives 48 x 48 cells for 97 x 146"));
}

TEST(Fuxi, Refusals)
{
  EXPECT_EQ(messages("fuxi.yml", {}), "");
  std::vector<Bad> const cases{
      {{"model.num_heads=3"}, "model.num_heads: 3 does not divide the 16 channels"},
      {{"model.num_groups=[4, 5]"}, "model.num_groups: 5 does not divide"},
      {{"model.depth=0", "model.drop_path=0"}, "model.depth: is 0"},
      {{"model.drop_path=[0.1, 0.2]"}, "has 2 entries for 3 blocks"},
      {{"model.drop_path=1"}, "at least 0 and below 1"},
      {{"model.frame_patch_size=1"}, "is 1 for 2 frames"},
      {{"model.frames=4"}, "is 2 for 4 frames"},
      {{"model.padding_conf.activate=false", "model.image_height=36"},
       "9 patches of 36 padded rows"}, // round(4.5) is 4
      {{"model.padding_conf.pad_lat=[46, 0]"}, "padding_conf.pad_lat: [46, 0] is out of range"},
      {{"model.interp=false"}, "the decoder gives 47 rows without the padding, the image has 45"},
      {{"model.window_size=[5, 3]"}, "windows of 5 do not divide 12 columns"},
      {{"model.use_noise=true"}, "noise injection is not offered"},
      {{"model.freeze=true"}, "warning model.freeze: is true: no parameter of the model will be trained"},
      {{"model.frames=1.5"}, "model.frames"},
      {{"model.windows=5"}, "unknown key"},
  };
  for (auto const& c : cases)
    EXPECT_THAT(messages("fuxi.yml", c.changes), HasSubstr(c.expected)) << c.changes.front();
}

TEST(Fuxi, ProgramsAreRefusedLikeDecks)
{
  FuxiConfig config;
  EXPECT_EQ(test::message_of([&] { make_model(config); }), "no error");
  config.drop_path.clear();
  EXPECT_THAT(test::message_of([&] { make_model(config); }), HasSubstr("has 0 entries for 48 blocks"));
  config.drop_path = {0};
  config.num_heads = 7;
  EXPECT_THAT(test::message_of([&] { make_model(config); }), HasSubstr("7 does not divide the 1536 channels"));
}

// Of CREDIT's decks: 261 x 440 padded cells in patches of 32, and 80 x 160 cells of the 0.28-degree model.
TEST(Fuxi, Geometry)
{
  FuxiConfig c;
  c.fields.height = 181;
  c.fields.width = 360;
  c.patch_height = c.patch_width = 32;
  c.padding = {true, SpherePadding::Mode::mirror, 40, 40, 40, 40};
  using Pair = std::array<int, 2>;
  EXPECT_EQ(c.patches(), (Pair{8, 13}));
  EXPECT_EQ(c.low(), (Pair{4, 7}));
  EXPECT_EQ(c.window_margin(0), (Pair{1, 2}));
  EXPECT_EQ(c.tokens(), (Pair{7, 7}));
  EXPECT_EQ(c.shift(), (Pair{0, 0}));
  FuxiConfig fine;
  fine.patch_height = fine.patch_width = 4;
  EXPECT_EQ(fine.low(), (Pair{80, 160}));
  EXPECT_EQ(fine.tokens(), (Pair{84, 161}));
  EXPECT_EQ(fine.window_margin(0), (Pair{2, 2}));
  EXPECT_EQ(fine.window_margin(1), (Pair{0, 1}));
  EXPECT_EQ(fine.shift(), (Pair{3, 3}));
}

// Counted on CREDIT's class: 260.79 million parameters and 8.73 TFLOP.
TEST(Fuxi, CostsOfThe28thDegreeModel)
{
  FuxiConfig c;
  c.patch_height = c.patch_width = 4;
  c.fields.levels = 16;
  c.fields.input_only_channels = 3;
  c.dim = 1024;
  c.depth = 16;
  c.spectral_norm = false;
  EXPECT_NEAR(forward_flops(c) / 1e12, 8.73, 0.005);
  EXPECT_EQ(make_model(c)->parameters().count_trainable(), 260794608);
}

} // namespace
} // namespace rossby
