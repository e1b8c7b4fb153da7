#include <rossby/core/error.hpp>
#include <rossby/models/pyramid/tiles.hpp>
#include <support/small_model.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {
using namespace test;

ProcessGrid grid(int rows, int columns, int tensor)
{
  ProcessGrid g;
  g.rows = rows;
  g.columns = columns;
  g.tensor = tensor;
  return g;
}

/// Three coarse rows of five cells.
WXFormerConfig flat()
{
  auto m = small_model();
  m.fields.height = 48;
  m.fields.width = 80;
  m.padding = {};
  return m;
}

std::pair<std::string, std::string> refusal(ProcessGrid const& g)
{
  try {
    cut_tiles(flat(), g);
  } catch (Error const& e) {
    return {e.where(), e.fix()};
  }
  return {};
}

TEST(Tiles, TensorRanksCutTheirTileAlongItsLongerSide)
{
  auto const tiles = cut_tiles(flat(), grid(2, 1, 2)); // rows 0 and 1-2, each cut into columns 0-1 and 2-4
  EXPECT_EQ(tiles.stage[3].box(0), (Box{0, 1, 0, 2}));
  EXPECT_EQ(tiles.stage[3].box(1), (Box{1, 3, 0, 2}));
  EXPECT_EQ(tiles.stage[3].box(2), (Box{0, 1, 2, 5}));
  EXPECT_EQ(tiles.stage[3].box(3), (Box{1, 3, 2, 5}));
  EXPECT_EQ(tiles.image.box(3), (Box{16, 48, 32, 80}));
  EXPECT_EQ(tiles.level[4].box(3), (Box{16, 48, 32, 80}));
}

TEST(Tiles, ATileThatIsAllPaddingHoldsNothingOfTheImage)
{
  auto m = small_model();
  m.padding.top = 42; // 113 rows: seven coarse ones, the first two all padding
  EXPECT_TRUE(cut_tiles(m, grid(7, 1, 1)).image.box(0).empty());
  EXPECT_FALSE(cut_tiles(m, grid(6, 1, 1)).image.box(5).empty());
}

TEST(Tiles, RefusalsNameAGridThatFits)
{
  using Text = std::pair<std::string, std::string>;
  std::string const domain = "trainer.parallelism.domain", tensor = "trainer.parallelism.tensor";
  EXPECT_EQ(refusal(grid(4, 1, 1)), (Text{domain, "'domain: [2, 2]' fits"}));
  EXPECT_EQ(refusal(grid(1, 6, 1)), (Text{domain, "'domain: [2, 3]' fits"}));
  EXPECT_EQ(refusal(grid(7, 1, 1)), (Text{domain, "'domain: [2, 3]' fits"})); // seven tiles don't fit at all
  EXPECT_EQ(refusal(grid(3, 1, 8)), (Text{tensor, "at most 5 can; at most 5 ranks can share these cells"}));
  EXPECT_EQ(refusal(grid(3, 3, 2)), (Text{tensor, "at most 1 can; 'domain: [3, 2]' fits"}));
  EXPECT_EQ(refusal(grid(3, 5, 1)), (Text{}));
}

} // namespace
} // namespace rossby
