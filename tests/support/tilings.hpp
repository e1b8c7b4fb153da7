#pragma once
/// \file
/// Tilings of all kinds for tests, drawn with coordinates so that every rank draws the same.

#include <rossby/core/random.hpp>
#include <rossby/dist/tiling.hpp>

#include <algorithm>

namespace rossby::test {

/// Numbers drawn one after the other, the same on every rank.
class Draw {
public:
  explicit Draw(std::uint64_t seed) : seed_(seed) {}
  /// Uniform on [0, n).
  index_t below(index_t n)
  {
    return static_cast<index_t>(Philox::uniform(seed_, 77, next_++) * static_cast<double>(n));
  }

private:
  std::uint64_t seed_, next_ = 0;
};

/// `parts` + 1 sorted cuts of [0, n]; parts may be empty.
inline std::vector<index_t> random_cuts(Draw& draw, index_t n, index_t parts)
{
  std::vector<index_t> cuts{0, n};
  for (index_t i = 1; i < parts; ++i)
    cuts.push_back(draw.below(n + 1));
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

/// A process grid of rows x cols ranks with random cuts, in random order of ranks.
inline Tiling grid_tiling(Draw& draw, index_t height, index_t width, index_t rows, index_t cols)
{
  auto const r = random_cuts(draw, height, rows), c = random_cuts(draw, width, cols);
  std::vector<Box> boxes;
  for (std::size_t i = 0; i + 1 < r.size(); ++i)
    for (std::size_t j = 0; j + 1 < c.size(); ++j) {
      boxes.push_back({r[i], r[i + 1], c[j], c[j + 1]});
      std::swap(boxes.back(), boxes[static_cast<std::size_t>(draw.below(static_cast<index_t>(boxes.size())))]);
    }
  return Tiling(height, width, boxes);
}

/// Boxes got by cutting the largest in two, again and again: no process grid.
inline Tiling split_tiling(Draw& draw, index_t height, index_t width, int ranks)
{
  std::vector<Box> boxes{{0, height, 0, width}};
  while (static_cast<int>(boxes.size()) < ranks) {
    auto const largest =
        std::max_element(boxes.begin(), boxes.end(), [](Box const& a, Box const& b) { return a.cells() < b.cells(); });
    Box first = *largest, second = *largest;
    if (draw.below(2))
      first.row1 = second.row0 = first.row0 + draw.below(first.rows() + 1);
    else
      first.col1 = second.col0 = first.col0 + draw.below(first.cols() + 1);
    *largest = first;
    boxes.push_back(second);
  }
  return Tiling(height, width, boxes);
}

/// At least `count` tilings over `ranks`: every process grid in turn, boxes of no grid, and all on one rank.
inline std::vector<Tiling> random_tilings(Draw& draw, index_t height, index_t width, int ranks, std::size_t count)
{
  std::vector<Tiling> list;
  while (list.size() < count) {
    for (int rows = 1; rows <= ranks; ++rows)
      if (ranks % rows == 0)
        list.push_back(grid_tiling(draw, height, width, rows, ranks / rows));
    list.push_back(split_tiling(draw, height, width, ranks));
  }
  std::vector<Box> alone(static_cast<std::size_t>(ranks));
  alone[static_cast<std::size_t>(draw.below(ranks))] = {0, height, 0, width};
  list.push_back(Tiling(height, width, alone));
  return list;
}

} // namespace rossby::test
