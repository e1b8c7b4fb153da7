#include <rossby/models/spatial_plan.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace rossby {

namespace {

index_t positive_modulo(index_t a, index_t n) { return (a % n + n) % n; }

/// Tile `i` of `n` along an axis.
index_t cut_at(index_t extent, int i, int n) { return extent * i / n; }

/// A coarse box on a finer grid; what lies beyond the last coarse cell belongs to the last tile.
Box scaled(Box const& b, index_t factor, Tiling const& coarse, index_t height, index_t width)
{
  return {b.row0 * factor, b.row1 == coarse.height() ? height : b.row1 * factor, b.col0 * factor,
          b.col1 == coarse.width() ? width : b.col1 * factor};
}

Tiling scaled(Tiling const& coarse, index_t factor, index_t height, index_t width)
{
  std::vector<Box> boxes;
  for (int r = 0; r < coarse.ranks(); ++r)
    boxes.push_back(scaled(coarse.box(r), factor, coarse, height, width));
  return {height, width, std::move(boxes)};
}

/// The smallest box around two.
Box around(Box const& a, Box const& b)
{
  return {std::min(a.row0, b.row0), std::max(a.row1, b.row1), std::min(a.col0, b.col0), std::max(a.col1, b.col1)};
}

/// The cells of `box` as sources, by a function from (row, column) of the target grid to a source number.
BoxMap box_map(Communicator const& group, Tiling const& source, Box const& box,
               std::function<index_t(index_t, index_t)> const& number)
{
  std::vector<index_t> wanted;
  for (index_t r = box.row0; r < box.row1; ++r)
    for (index_t c = box.col0; c < box.col1; ++c)
      wanted.push_back(number(r, c));
  return {IndexMap(group, source, wanted), {box.rows(), box.cols()}};
}

/// A cell of its own grid, or nothing outside of it.
std::function<index_t(index_t, index_t)> zero_outside(Tiling const& t)
{
  return [h = t.height(), w = t.width()](index_t r, index_t c) {
    return r < 0 || r >= h || c < 0 || c >= w ? IndexMap::nothing : r * w + c;
  };
}

/// Two weights per target along one axis of a bilinear resize without aligned corners (PyTorch's convention).
struct Tap {
  index_t low, high;
  double weight_high;
};
Tap tap_of(index_t target, index_t in, index_t out)
{
  double const x =
      std::max(0.0, (static_cast<double>(target) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
  index_t const low = std::min(static_cast<index_t>(std::floor(x)), in - 1);
  return {low, std::min(low + 1, in - 1), x - static_cast<double>(low)};
}

void add_bilinear(std::vector<ops::Stencil::Entry>& entries, index_t target, Tap const& r, Tap const& c,
                  Box const& source)
{
  auto const add = [&](index_t row, index_t col, double weight) {
    if (weight != 0)
      entries.push_back({target, (row - source.row0) * source.cols() + (col - source.col0), weight});
  };
  add(r.low, c.low, (1 - r.weight_high) * (1 - c.weight_high));
  add(r.low, c.high, (1 - r.weight_high) * c.weight_high);
  add(r.high, c.low, r.weight_high * (1 - c.weight_high));
  add(r.high, c.high, r.weight_high * c.weight_high);
}

} // namespace

PaddedCell padding_source(ModelConfig const& m, index_t row, index_t col)
{
  index_t const h = m.image_height, w = m.image_width;
  index_t r = row - m.padding.top, c = positive_modulo(col - m.padding.left, w);
  if (m.padding.mode == PaddingConfig::Mode::earth) {
    if (r < 0 || r >= h) {
      r = r < 0 ? -1 - r : 2 * h - 1 - r;
      c = positive_modulo(c - w / 2, w);
    }
    return {r, c};
  }
  r = std::abs(r);
  if (r >= h)
    r = 2 * (h - 1) - r;
  return {r, c};
}

SpatialPlan::SpatialPlan(ModelConfig const& config, Communicator const& group, ProcessGrid const& grid)
    : group_(group), grid_(grid)
{
  ROSSBY_EXPECT(grid.domains() * grid.tensor == group.size());
  cut(config);
  build_embed_inputs(config);
  for (std::size_t k = 0; k < 5; ++k) {
    Box const t = tile(level_[k]);
    border_[k] = box_map(group_, level_[k], {t.row0 - 1, t.row1 + 1, t.col0 - 1, t.col1 + 1}, zero_outside(level_[k]));
  }
  build_windows(config);
  build_output(config);
}

std::vector<Box> SpatialPlan::coarse_boxes(index_t height, index_t width) const
{
  if (grid_.rows > height || grid_.columns > width)
    fail("trainer.parallelism.domain",
         fmt::format("a process grid of {} x {} tiles on {} x {} coarse cells leaves tiles empty", grid_.rows,
                     grid_.columns, height, width),
         fmt::format("at most {} x {}, for instance [{}, {}]", height, width, std::min<index_t>(grid_.rows, height),
                     std::min<index_t>(grid_.columns, width)));
  std::vector<Box> boxes;
  for (int t = 0; t < grid_.tensor; ++t)
    for (int i = 0; i < grid_.rows; ++i)
      for (int j = 0; j < grid_.columns; ++j) {
        Box b{cut_at(height, i, grid_.rows), cut_at(height, i + 1, grid_.rows), cut_at(width, j, grid_.columns),
              cut_at(width, j + 1, grid_.columns)};
        if (std::max(b.rows(), b.cols()) < grid_.tensor)
          fail("trainer.parallelism.tensor",
               fmt::format("{} ranks can't share a tile of {} x {} coarse cells", grid_.tensor, b.rows(), b.cols()),
               fmt::format("at most {}, or fewer domain tiles", std::max(b.rows(), b.cols())));
        bool const by_rows = b.rows() >= b.cols();
        index_t const from = by_rows ? b.row0 : b.col0, length = by_rows ? b.rows() : b.cols();
        (by_rows ? b.row0 : b.col0) = from + cut_at(length, t, grid_.tensor);
        (by_rows ? b.row1 : b.col1) = from + cut_at(length, t + 1, grid_.tensor);
        boxes.push_back(b);
      }
  return boxes;
}

void SpatialPlan::cut(ModelConfig const& m)
{
  index_t const h3 = m.stage_extent(m.padded_height(), 3), w3 = m.stage_extent(m.padded_width(), 3);
  Tiling const coarse(h3, w3, coarse_boxes(h3, w3));
  index_t factor = 1;
  for (int s = 3; s >= 0; --s) {
    auto const i = static_cast<std::size_t>(s);
    stage_[i] = scaled(coarse, factor, m.stage_extent(m.padded_height(), s), m.stage_extent(m.padded_width(), s));
    factor *= m.strides[i];
  }
  padded_ = scaled(coarse, factor, m.padded_height(), m.padded_width());
  for (int k = 0; k < 5; ++k) {
    index_t const f = index_t(1) << k;
    level_[static_cast<std::size_t>(k)] = scaled(coarse, f, f * h3, f * w3);
  }
  // A rank's part of the physical grid: its padded tile less the padding, possibly nothing.
  std::vector<Box> physical;
  Box const inside{m.padding.top, m.padding.top + m.image_height, m.padding.left, m.padding.left + m.image_width};
  for (int r = 0; r < group_.size(); ++r) {
    Box const b = intersect(padded_.box(r), inside);
    physical.push_back(
        b.empty() ? Box{}
                  : Box{b.row0 - inside.row0, b.row1 - inside.row0, b.col0 - inside.col0, b.col1 - inside.col0});
  }
  image_ = Tiling(m.image_height, m.image_width, std::move(physical));
}

void SpatialPlan::build_embed_inputs(ModelConfig const& m)
{
  for (int s = 0; s < 4; ++s) {
    auto const i = static_cast<std::size_t>(s);
    index_t const stride = m.strides[i], kernel = *std::max_element(m.kernels[i].begin(), m.kernels[i].end());
    index_t const before = (kernel - stride) / 2;
    Box const t = tile(stage_[i]);
    Box const needed{t.row0 * stride - before, (t.row1 - 1) * stride - before + kernel, t.col0 * stride - before,
                     (t.col1 - 1) * stride - before + kernel};
    if (s > 0) {
      embed_[i] = box_map(group_, stage_[i - 1], needed, zero_outside(stage_[i - 1]));
      continue;
    }
    embed_[0] = box_map(group_, image_, needed, [&](index_t r, index_t c) {
      if (r < 0 || r >= padded_.height() || c < 0 || c >= padded_.width())
        return IndexMap::nothing;
      auto const source = padding_source(m, r, c);
      return source.row * m.image_width + source.col;
    });
  }
}

WindowMap SpatialPlan::windows_of(Tiling const& grid, index_t window, bool whole_globe, bool shared) const
{
  // A short window holds neighbours; a long one holds tokens spaced a window-count apart, over the whole globe.
  index_t const across = grid.height() / window, along = grid.width() / window, total = across * along;
  auto const cell = [&](index_t number, index_t token) {
    index_t const wr = number / along, wc = number % along, a = token / window, b = token % window;
    index_t const row = whole_globe ? a * across + wr : wr * window + a;
    index_t const col = whole_globe ? b * along + wc : wc * window + b;
    return row * grid.width() + col;
  };
  // A window goes to one rank, or to all the ranks that share a domain tile.
  int const places = shared ? grid_.domains() : group_.size(), place = group_.rank() % places;
  auto const mine = [&](index_t number) {
    if (whole_globe && window > 1) // spread evenly: their tokens come from everywhere
      return number >= total * place / places && number < total * (place + 1) / places;
    index_t const first = cell(number, 0);
    return grid.owner(first / grid.width(), first % grid.width()) % places == place;
  };
  std::vector<index_t> wanted, numbers;
  for (index_t n = 0; n < total; ++n)
    if (mine(n)) {
      numbers.push_back(n);
      for (index_t t = 0; t < window * window; ++t)
        wanted.push_back(cell(n, t));
    }
  return {IndexMap(group_, grid, wanted),
          static_cast<index_t>(numbers.size()),
          window * window,
          {IndexList(numbers), total}};
}

WindowMap SpatialPlan::cells_of(Tiling const& grid, bool shared) const
{
  Box b = tile(grid);
  for (int t = 0; shared && t < grid_.tensor; ++t)
    b = around(b, grid.box(t * grid_.domains() + group_.rank() % grid_.domains()));
  std::vector<index_t> numbers;
  for (index_t r = b.row0; r < b.row1; ++r)
    for (index_t c = b.col0; c < b.col1; ++c)
      numbers.push_back(r * grid.width() + c);
  return {shared ? IndexMap(group_, grid, numbers) : IndexMap(),
          b.cells(),
          1,
          {IndexList(numbers), grid.height() * grid.width()}};
}

void SpatialPlan::build_windows(ModelConfig const& m)
{
  for (std::size_t s = 0; s < 4; ++s) {
    bool const shared = shares(static_cast<int>(s)) > 1;
    short_[s] = windows_of(stage_[s], m.local_window[s], false, shared);
    long_[s] = windows_of(stage_[s], m.global_window[s], true, shared);
    cells_[s] = cells_of(stage_[s], shared);
  }
}

void SpatialPlan::build_output(ModelConfig const& m)
{
  Tiling const& top = level_[4];
  index_t const pt = m.padding.top, pl = m.padding.left;
  index_t const h = top.height() - pt - m.padding.bottom,
                w = top.width() - pl - m.padding.right; // what the crop leaves
  index_t const out_h = m.interp ? m.image_height : h, out_w = m.interp ? m.image_width : w;
  interpolates_ = out_h != h || out_w != w;

  // An output cell belongs to the tile of its upper left source cell.
  auto const cut_of = [](index_t begin, index_t pad, index_t in, index_t out) {
    index_t i = 0;
    while (i < out && tap_of(i, in, out).low + pad < begin)
      ++i;
    return i;
  };
  std::vector<Box> boxes;
  for (int r = 0; r < group_.size(); ++r) {
    Box const& b = top.box(r);
    boxes.push_back({cut_of(b.row0, pt, h, out_h), b.row1 == top.height() ? out_h : cut_of(b.row1, pt, h, out_h),
                     cut_of(b.col0, pl, w, out_w), b.col1 == top.width() ? out_w : cut_of(b.col1, pl, w, out_w)});
  }
  output_ = Tiling(out_h, out_w, std::move(boxes));

  Box const mine = tile(output_);
  auto const from_top = [&](index_t r, index_t c) { return (r + pt) * top.width() + (c + pl); };
  if (!interpolates_) {
    to_output_ = box_map(group_, top, mine, from_top);
  } else if (mine.empty()) {
    to_output_ = box_map(group_, top, Box{}, from_top);
    interpolation_ = ops::Stencil(0, 0, {});
  } else {
    Box const source{tap_of(mine.row0, h, out_h).low, tap_of(mine.row1 - 1, h, out_h).high + 1,
                     tap_of(mine.col0, w, out_w).low, tap_of(mine.col1 - 1, w, out_w).high + 1};
    to_output_ = box_map(group_, top, source, from_top);
    std::vector<ops::Stencil::Entry> entries;
    for (index_t r = mine.row0; r < mine.row1; ++r)
      for (index_t c = mine.col0; c < mine.col1; ++c)
        add_bilinear(entries, (r - mine.row0) * mine.cols() + (c - mine.col0), tap_of(r, h, out_h), tap_of(c, w, out_w),
                     source);
    interpolation_ = ops::Stencil(mine.cells(), source.cells(), entries);
  }

  if (!m.upsample_v_conv)
    return;
  for (std::size_t k = 0; k < 4; ++k) {
    Tiling const &coarse = level_[k], &fine = level_[k + 1];
    Box const c = tile(coarse), f = tile(fine);
    Box const source{c.row0 - 1, c.row1 + 1, c.col0 - 1, c.col1 + 1},
        target{f.row0 - 1, f.row1 + 1, f.col0 - 1, f.col1 + 1};
    std::vector<ops::Stencil::Entry> entries;
    for (index_t i = target.row0; i < target.row1; ++i)
      for (index_t j = target.col0; j < target.col1; ++j)
        if (i >= 0 && i < fine.height() && j >= 0 && j < fine.width()) // the convolution's border is zero
          add_bilinear(entries, (i - target.row0) * target.cols() + (j - target.col0),
                       tap_of(i, coarse.height(), fine.height()), tap_of(j, coarse.width(), fine.width()), source);
    doubling_[k] = ops::Stencil(target.cells(), source.cells(), entries);
  }
}

} // namespace rossby
