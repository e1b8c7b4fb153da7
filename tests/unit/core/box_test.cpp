#include <rossby/core/box.hpp>

#include <gtest/gtest.h>

#include <random>

namespace rossby {
namespace {

TEST(Box, FrameIsWhatIsLeft)
{
  Box const whole{-1, 5, 2, 8};
  for (Box const& inner : {Box{}, whole, Box{0, 4, 2, 8}, Box{-1, 5, 3, 8}, Box{1, 2, 3, 4}, Box{-1, 5, 2, 3}}) {
    std::vector<int> times(6 * 6, 0);
    auto boxes = frame(whole, inner);
    for (auto const& b : boxes)
      EXPECT_FALSE(b.empty());
    boxes.push_back(inner);
    for (auto const& b : boxes)
      for (index_t r = b.row0; r < b.row1; ++r)
        for (index_t c = b.col0; c < b.col1; ++c)
          ++times[static_cast<std::size_t>((r + 1) * 6 + c - 2)];
    EXPECT_EQ(times, std::vector<int>(6 * 6, 1));
  }
  EXPECT_TRUE(frame({}, {}).empty());
}

// Against all boxes that there are.
TEST(Box, LargestBox)
{
  EXPECT_EQ(largest_box({}, 3), Box{});
  EXPECT_EQ(largest_box({}, 0), Box{});
  EXPECT_EQ(largest_box(std::vector<bool>(12, true), 4), (Box{0, 3, 0, 4}));
  EXPECT_TRUE(largest_box(std::vector<bool>(12, false), 4).empty());
  std::mt19937 random(3);
  for (int draw = 0; draw < 300; ++draw) {
    index_t const rows = 1 + static_cast<index_t>(random() % 6), cols = 1 + static_cast<index_t>(random() % 6);
    std::vector<bool> flags;
    for (index_t i = 0; i < rows * cols; ++i)
      flags.push_back(random() % 4 != 0);
    auto const all_set = [&](Box const& b) {
      for (index_t const cell : cells_of(b, cols))
        if (!flags[static_cast<std::size_t>(cell)])
          return false;
      return true;
    };
    index_t most = 0;
    for (index_t r0 = 0; r0 < rows; ++r0)
      for (index_t r1 = r0 + 1; r1 <= rows; ++r1)
        for (index_t c0 = 0; c0 < cols; ++c0)
          for (index_t c1 = c0 + 1; c1 <= cols; ++c1)
            if (Box const b{r0, r1, c0, c1}; all_set(b) && b.cells() > most)
              most = b.cells();
    Box const found = largest_box(flags, cols);
    EXPECT_EQ(found.cells(), most);
    EXPECT_TRUE(all_set(found));
    EXPECT_EQ(intersect(found, {0, rows, 0, cols}), found);
  }
}

} // namespace
} // namespace rossby
