#include <rossby/dist/sphere_padding.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

/// Of an image of 5 rows.
SpherePadding padded(SpherePadding::Mode mode) { return {true, mode, 2, 3, 2, 1}; }

/// Column of the image that lies under a column of the padded image.
index_t wrapped(index_t col, index_t turned = 0) { return (col - 2 + turned + 12) % 6; }

TEST(Padding, EarthTurnsRowsOverThePoles)
{
  auto const m = padded(SpherePadding::Mode::earth);
  index_t const source_row[10] = {1, 0, 0, 1, 2, 3, 4, 4, 3, 2};
  for (index_t r = 0; r < 10; ++r)
    for (index_t c = 0; c < 9; ++c) {
      auto const cell = padding_source(m, 5, 6, r, c);
      bool const over = r < 2 || r >= 7;
      EXPECT_EQ(cell.row, source_row[r]);
      EXPECT_EQ(cell.col, wrapped(c, over ? 3 : 0)) << r << " " << c;
    }
}

TEST(Padding, OddWidthsRollAsPyTorchDoes)
{
  auto const m = padded(SpherePadding::Mode::earth);
  // Roll by 5 // 2 = 2: column c shows column c - 2
  EXPECT_EQ(padding_source(m, 5, 5, 0, 2).col, 3);
  EXPECT_EQ(padding_source(m, 5, 5, 0, 4).col, 0);
  EXPECT_EQ(padding_source(m, 5, 5, 9, 3).col, 4);
}

TEST(Padding, MirrorDoesNotRepeatTheEdge)
{
  auto const m = padded(SpherePadding::Mode::mirror);
  index_t const source_row[10] = {2, 1, 0, 1, 2, 3, 4, 3, 2, 1};
  for (index_t r = 0; r < 10; ++r)
    for (index_t c = 0; c < 9; ++c) {
      EXPECT_EQ(padding_source(m, 5, 6, r, c).row, source_row[r]);
      EXPECT_EQ(padding_source(m, 5, 6, r, c).col, wrapped(c));
    }
}

} // namespace
} // namespace rossby
