#include <rossby/dist/tiling.hpp>

#include <rossby/core/error.hpp>

#include <algorithm>

namespace rossby {

namespace {
void sort_unique(std::vector<index_t>& cuts)
{
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
}

/// The interval [cuts[i], cuts[i + 1]) that holds x.
std::size_t interval(std::vector<index_t> const& cuts, index_t x)
{
  return static_cast<std::size_t>(std::upper_bound(cuts.begin(), cuts.end(), x) - cuts.begin()) - 1;
}
} // namespace

Tiling::Tiling(index_t height, index_t width, std::vector<Box> boxes)
    : height_(height), width_(width), boxes_(std::move(boxes)), row_cuts_{0, height}, col_cuts_{0, width}
{
  ROSSBY_EXPECT(height > 0 && width > 0);
  for (auto const& b : boxes_) {
    if (b.empty())
      continue;
    ROSSBY_EXPECT(b.row0 >= 0 && b.row0 < b.row1 && b.row1 <= height);
    ROSSBY_EXPECT(b.col0 >= 0 && b.col0 < b.col1 && b.col1 <= width);
    row_cuts_.insert(row_cuts_.end(), {b.row0, b.row1});
    col_cuts_.insert(col_cuts_.end(), {b.col0, b.col1});
  }
  sort_unique(row_cuts_);
  sort_unique(col_cuts_);
  owner_.assign((row_cuts_.size() - 1) * (col_cuts_.size() - 1), -1);
  index_t covered = 0;
  for (int r = 0; r < ranks(); ++r) {
    Box const& b = box(r);
    if (b.empty())
      continue;
    covered += b.cells();
    for (std::size_t i = interval(row_cuts_, b.row0); row_cuts_[i] < b.row1; ++i)
      for (std::size_t j = interval(col_cuts_, b.col0); col_cuts_[j] < b.col1; ++j) {
        int& owner = owner_[i * (col_cuts_.size() - 1) + j];
        ROSSBY_EXPECT(owner == -1); // boxes must not overlap
        owner = r;
      }
  }
  ROSSBY_EXPECT(covered == height * width);
}

Tiling Tiling::whole(index_t height, index_t width) { return Tiling(height, width, {Box{0, height, 0, width}}); }

int Tiling::owner(index_t row, index_t col) const
{
  ROSSBY_EXPECT(row >= 0 && row < height_ && col >= 0 && col < width_);
  return owner_[interval(row_cuts_, row) * (col_cuts_.size() - 1) + interval(col_cuts_, col)];
}

} // namespace rossby
