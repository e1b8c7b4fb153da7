#include <rossby/core/error.hpp>
#include <rossby/dist/process_grid.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

ProcessGrid grid(int rows, int columns, int tensor)
{
  ProcessGrid g;
  g.rows = rows;
  g.columns = columns;
  g.tensor = tensor;
  return g;
}

/// Three rows of five cells.
std::vector<Box> cut(ProcessGrid const& g) { return cut_cells(3, 5, g); }

std::pair<std::string, std::string> refusal(ProcessGrid const& g)
{
  try {
    cut(g);
  } catch (Error const& e) {
    return {e.where(), e.fix()};
  }
  return {};
}

TEST(ProcessGrid, TensorRanksCutTheirTileAlongItsLongerSide)
{
  auto const tiles = cut(grid(2, 1, 2)); // rows 0 and 1-2, each cut into columns 0-1 and 2-4
  EXPECT_EQ(tiles, (std::vector<Box>{{0, 1, 0, 2}, {1, 3, 0, 2}, {0, 1, 2, 5}, {1, 3, 2, 5}}));
}

TEST(ProcessGrid, RefusalsNameAGridThatFits)
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
