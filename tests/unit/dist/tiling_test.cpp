#include <rossby/core/error.hpp>
#include <rossby/dist/tiling.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

TEST(Tiling, OwnerAgreesWithBoxes)
{
  // Uneven, with a cut that does not run through and an empty tile.
  std::vector<Box> const boxes{{0, 3, 0, 4}, {0, 3, 4, 11}, {3, 7, 0, 9}, {}, {3, 5, 9, 11}, {5, 7, 9, 11}};
  Tiling const t(7, 11, boxes);
  for (index_t i = 0; i < 7; ++i)
    for (index_t j = 0; j < 11; ++j) {
      int expected = -1;
      for (std::size_t r = 0; r < boxes.size(); ++r)
        if (!intersect(boxes[r], Box{i, i + 1, j, j + 1}).empty())
          expected = static_cast<int>(r);
      EXPECT_EQ(t.owner(i, j), expected) << i << "," << j;
    }
  EXPECT_EQ(t.local(2, 4, 5), 1 * 9 + 5);
}

TEST(Tiling, Whole)
{
  auto const t = Tiling::whole(5, 6);
  EXPECT_EQ(t.ranks(), 1);
  EXPECT_EQ(t.owner(4, 5), 0);
  EXPECT_EQ(t.local(0, 4, 5), 29);
}

TEST(Tiling, RefusesOverlapAndGaps)
{
  EXPECT_THROW(Tiling(4, 4, {{0, 3, 0, 4}, {2, 4, 0, 4}}), std::logic_error);
  EXPECT_THROW(Tiling(4, 4, {{0, 3, 0, 4}}), std::logic_error);
  EXPECT_THROW(Tiling(4, 4, {{0, 5, 0, 4}}), std::logic_error);
}

TEST(Box, Intersection)
{
  EXPECT_EQ(intersect({0, 4, 0, 4}, {2, 6, 1, 3}), (Box{2, 4, 1, 3}));
  EXPECT_TRUE(intersect({0, 2, 0, 2}, {2, 4, 0, 2}).empty());
}

} // namespace
} // namespace rossby
