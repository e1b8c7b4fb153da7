#include <rossby/models/model.hpp>
#include <rossby/models/wxformer/config.hpp>
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rossby {
namespace {

using ::testing::HasSubstr;

std::string const one_degree = R"(
model:
  type: wxformer
  frames: 1
  image_height: 181
  image_width: 360
  levels: 18
  channels: 4
  surface_channels: 4
  input_only_channels: 4
  output_only_channels: 8
  dim: [32, 64, 128, 256]
  depth: [2, 2, 8, 2]
  global_window_size: [8, 4, 2, 1]
  local_window_size: 4
  cross_embed_strides: [2, 2, 2, 2]
  cross_embed_kernel_sizes: [[4, 8, 16, 32], [4, 2], [2, 4], [2, 4]]
  padding_conf: {activate: true, mode: earth, pad_lat: [37, 38], pad_lon: 12}
)";

struct Outcome {
  WXFormerConfig config;
  Problems problems;
  std::string all() const { return test::text_of(problems); }
};

Outcome read(std::vector<std::string> const& changes = {})
{
  auto const deck = Deck::parse(one_degree, "deck", changes);
  Outcome o;
  if (auto const spec = read_spec(deck["model"], o.problems))
    o.config = dynamic_cast<WXFormerConfig const&>(*spec);
  deck.check_all_read(o.problems);
  return o;
}

TEST(WXFormerConfig, OneDegree)
{
  auto const o = read();
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.config.fields.in(), 80);
  EXPECT_EQ(o.config.fields.output_channels(), 84);
  EXPECT_EQ(o.config.padded_height(), 256);
  EXPECT_EQ(o.config.padded_width(), 384);
  EXPECT_EQ(o.config.stage_extent(256, 3), 16);
  EXPECT_EQ(o.config.local_window, (std::vector<int>{4, 4, 4, 4}));
  EXPECT_EQ(o.config.kernels[1], (std::vector<int>{2, 4}));
  EXPECT_EQ(o.config.heads(3), 8);
}

TEST(WXFormerConfig, InactivePaddingHasNoWidth)
{
  auto const o = read({"model.padding_conf.activate=false", "model.image_height=256", "model.image_width=384"});
  EXPECT_EQ(o.all(), "");
  EXPECT_EQ(o.config.padded_height(), 256);
}

TEST(WXFormerConfig, IgnoredKeysWarnOnce)
{
  auto const o = read({"model.upsample_with_ps=true", "model.frame_patch_size=1", "model.post_conf={activate: false}",
                       "model.attention_type=scse_standard", "model.pad_lat=80"});
  EXPECT_TRUE(o.problems.errors().empty()) << o.all();
  EXPECT_EQ(o.problems.warnings().size(), 5u) << o.all();
}

TEST(WXFormerConfig, OneSidedPaddingIsFine) { EXPECT_EQ(read({"model.padding_conf.pad_lat=[75, 0]"}).all(), ""); }

struct Bad {
  std::vector<std::string> changes;
  char const* expected;
};

TEST(WXFormerConfig, Refusals)
{
  std::vector<Bad> const cases{
      {{"model.type=unet"}, "no model 'unet'"},
      {{"model.type=wxfromer"}, "did you mean 'wxformer'"},
      {{"model.dim=[32, 64, 128]"}, "model.dim: has 3 entries"},
      {{"model.dim=[32, 64, 100, 256]"}, "use [32, 64, 128, 256]"},
      {{"model.dim=[2, 5, 10, 20]", "model.dim_head=2"}, "give 4 or more"},
      {{"model.dim=[4, 9, 18, 36]", "model.dim_head=4", "model.cross_embed_kernel_sizes=[[2],[2],[2],[2]]"},
       "group norm"},
      {{"model.dim_head=64"}, "model.dim_head: 64 is more than the 32 channels of stage 0"},
      {{"model.patch_height=2"}, "patch embedding"},
      {{"model.padding_conf.pad_lat=[200, 200]"}, "padding_conf.pad_lat: [200, 200] is out of range"},
      {{"model.padding_conf.mode=mirror", "model.padding_conf.pad_lat=[181, 38]"}, "180 rows"},
      {{"model.padding_conf.pad_lat=[1, 2, 3]"}, "has 3 entries"},
      {{"model.padding_conf.mode=moon"}, "known: earth, mirror"},
      {{"model.padding_conf.pad_lat=[36, 38]"}, "pad to 192 rows (padding_conf.pad_lat: [5, 6]"},
      {{"model.local_window_size=[4, 4, 4, 5]"}, "5 does not divide the 16 rows of stage 3"},
      {{"model.cross_embed_strides=[4, 2, 2, 2]"}, "coarsen by 32"},
      {{"model.cross_embed_kernel_sizes=[[1], [2], [2], [2]]"}, "smaller than the stride"},
      {{"model.type=crossformer", "model.cross_embed_kernel_sizes=[[3], [2], [2], [2]]"}, "is odd"},
      {{"model.type=crossformer", "model.attention_type=coordinate"}, "'coordinate' is not offered"},
      {{"model.attn_dropout=1.0"}, "at least 0 and below 1"},
      {{"model.image_height=tall"}, "model.image_height: is 'tall'"},
      {{"model.chanels=4"}, "unknown key"},
      {{"model=5"}, "block of keys is expected"},
      {{"model.padding_conf=5"}, "block of keys is expected"},
  };
  for (auto const& c : cases) {
    auto const o = read(c.changes);
    EXPECT_FALSE(o.problems.errors().empty()) << c.changes.front();
    EXPECT_THAT(o.all(), HasSubstr(c.expected)) << c.changes.front();
  }
}

TEST(WXFormerConfig, ResizeNeededButOff)
{
  std::vector<std::string> const geometry{"model.image_height=182", "model.image_width=360",
                                          "model.padding_conf.activate=false", "model.local_window_size=1",
                                          "model.global_window_size=[1, 1, 1, 1]"};
  EXPECT_EQ(read(geometry).all(), "");
  auto off = geometry;
  off.push_back("model.interp=false");
  EXPECT_THAT(read(off).all(), HasSubstr("gives 176 x 352 cells for 182 x 360"));
}

TEST(WXFormerConfig, ReportsEverythingAtOnce)
{
  auto const o = read({"model.dim=[32, 64]", "model.depth=x", "model.frames=1.5", "model.interp=5"});
  EXPECT_EQ(o.problems.errors().size(), 4u) << o.all();
}

TEST(WXFormerConfig, MissingBlock)
{
  auto const deck = Deck::parse("a: 1");
  Problems problems;
  read_spec(deck["model"], problems);
  ASSERT_EQ(problems.errors().size(), 1u);
  EXPECT_EQ(problems.errors()[0].where(), "model");
}

// A model that a program describes meets the same refusals as a deck's.
TEST(WXFormerConfig, ProgramsAreRefusedLikeDecks)
{
  auto const refusal = [](std::function<void(WXFormerConfig&)> const& change) {
    auto config = read().config;
    change(config);
    return test::message_of([&] { make_model(config); });
  };
  EXPECT_EQ(refusal([](WXFormerConfig&) {}), "no error");
  EXPECT_THAT(refusal([](WXFormerConfig& c) { c.local_window = {4, 4, 4, 5}; }), HasSubstr("5 does not divide the 16"));
  EXPECT_THAT(refusal([](WXFormerConfig& c) { c.depth = {1, 1, 1, -1}; }), HasSubstr("model.depth: is -1"));
  EXPECT_THAT(refusal([](WXFormerConfig& c) { c.depth = {1, 1, 1}; }), HasSubstr("model.depth: has 3 entries"));
  EXPECT_THAT(refusal([](WXFormerConfig& c) { c.dim = {32, 64, 100, 256}; }), HasSubstr("use [32, 64, 128, 256]"));
  EXPECT_THAT(refusal([](WXFormerConfig& c) { c.kernels[2].clear(); }), HasSubstr("at least one kernel size"));
}

} // namespace
} // namespace rossby
