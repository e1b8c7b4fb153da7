#include <rossby/core/box.hpp>

#include <rossby/core/error.hpp>

#include <algorithm>

namespace rossby {

Box intersect(Box const& a, Box const& b)
{
  Box c{std::max(a.row0, b.row0), std::min(a.row1, b.row1), std::max(a.col0, b.col0), std::min(a.col1, b.col1)};
  if (c.row1 <= c.row0 || c.col1 <= c.col0)
    return {};
  return c;
}

std::vector<index_t> cells_of(Box const& box, index_t width)
{
  std::vector<index_t> cells;
  for (index_t row = box.row0; row < box.row1; ++row)
    for (index_t col = box.col0; col < box.col1; ++col)
      cells.push_back(row * width + col);
  return cells;
}

std::vector<Box> frame(Box const& whole, Box const& inner)
{
  if (inner.empty())
    return whole.empty() ? std::vector<Box>{} : std::vector<Box>{whole};
  ROSSBY_EXPECT(intersect(whole, inner) == inner);
  std::vector<Box> boxes;
  for (Box const& b : {Box{whole.row0, inner.row0, whole.col0, whole.col1},  // above
                       Box{inner.row1, whole.row1, whole.col0, whole.col1},  // below
                       Box{inner.row0, inner.row1, whole.col0, inner.col0},  // left
                       Box{inner.row0, inner.row1, inner.col1, whole.col1}}) // right
    if (!b.empty())
      boxes.push_back(b);
  return boxes;
}

Box largest_box(std::vector<bool> const& flags, index_t width)
{
  Box best;
  // Per column the number of set flags that end in this row; a stack of the columns where higher ones may begin.
  std::vector<index_t> height(static_cast<std::size_t>(width) + 1, 0);
  for (index_t row = 0; row * width < static_cast<index_t>(flags.size()); ++row) {
    struct Step {
      index_t col0, height;
    };
    std::vector<Step> steps;
    for (index_t col = 0; col <= width; ++col) {
      auto& h = height[static_cast<std::size_t>(col)];
      if (col < width)
        h = flags[static_cast<std::size_t>(row * width + col)] ? h + 1 : 0;
      index_t begin = col;
      while (!steps.empty() && steps.back().height >= h) {
        begin = steps.back().col0;
        Box const b{row + 1 - steps.back().height, row + 1, begin, col};
        if (b.cells() > best.cells())
          best = b;
        steps.pop_back();
      }
      steps.push_back({begin, h});
    }
  }
  return best;
}

} // namespace rossby
