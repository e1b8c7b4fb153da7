#include <rossby/models/spatial_plan.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace rossby {

namespace {

index_t positive_modulo(index_t a, index_t n) { return (a % n + n) % n; }

/// Boxes of a process grid from row and column cuts.
std::vector<Box> boxes_of(std::vector<index_t> const& rows, std::vector<index_t> const& cols)
{
  std::vector<Box> boxes;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i)
    for (std::size_t j = 0; j + 1 < cols.size(); ++j)
      boxes.push_back({rows[i], rows[i + 1], cols[j], cols[j + 1]});
  return boxes;
}

/// Coarse cuts scaled to a finer grid; what lies beyond the last coarse cell belongs to the last tile.
std::vector<index_t> scaled(std::vector<index_t> cuts, index_t factor, index_t extent)
{
  for (auto& c : cuts)
    c *= factor;
  cuts.back() = extent;
  return cuts;
}

std::vector<index_t> even_cuts(index_t extent, int parts)
{
  std::vector<index_t> cuts;
  for (int i = 0; i <= parts; ++i)
    cuts.push_back(extent * i / parts);
  return cuts;
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

SpatialPlan::SpatialPlan(ModelConfig const& config, Communicator const& group, int rows, int columns) : group_(group)
{
  ROSSBY_EXPECT(rows * columns == group.size());
  cut(config, rows, columns);
  build_embed_inputs(config);
  for (std::size_t k = 0; k < 5; ++k) {
    Box const t = tile(level_[k]);
    border_[k] = box_map(group_, level_[k], {t.row0 - 1, t.row1 + 1, t.col0 - 1, t.col1 + 1}, zero_outside(level_[k]));
  }
  build_windows(config);
  build_output(config);
}

void SpatialPlan::cut(ModelConfig const& m, int rows, int columns)
{
  index_t const hp = m.padded_height(), wp = m.padded_width();
  index_t const h3 = m.stage_extent(m.padded_height(), 3), w3 = m.stage_extent(m.padded_width(), 3);
  if (rows > h3 || columns > w3)
    fail("trainer.parallelism.domain",
         fmt::format("a process grid of {} x {} tiles on {} x {} coarse cells leaves tiles empty", rows, columns, h3,
                     w3),
         fmt::format("at most {} x {}, for instance [{}, {}]", h3, w3, std::min<index_t>(rows, h3),
                     std::min<index_t>(columns, w3)));
  auto const r3 = even_cuts(h3, rows), c3 = even_cuts(w3, columns);
  index_t factor = 1;
  for (int s = 3; s >= 0; --s) {
    index_t const h = m.stage_extent(m.padded_height(), s), w = m.stage_extent(m.padded_width(), s);
    stage_[static_cast<std::size_t>(s)] = Tiling(h, w, boxes_of(scaled(r3, factor, h), scaled(c3, factor, w)));
    factor *= m.strides[static_cast<std::size_t>(s)];
  }
  padded_ = Tiling(hp, wp, boxes_of(scaled(r3, factor, hp), scaled(c3, factor, wp)));
  for (int k = 0; k < 5; ++k) {
    index_t const f = index_t(1) << k;
    level_[static_cast<std::size_t>(k)] =
        Tiling(f * h3, f * w3, boxes_of(scaled(r3, f, f * h3), scaled(c3, f, f * w3)));
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

WindowMap SpatialPlan::windows_of(Tiling const& grid, index_t window, bool whole_globe) const
{
  // A short window holds neighbours; a long one holds tokens spaced a window-count apart, over the whole globe.
  index_t const across = grid.height() / window, along = grid.width() / window, total = across * along;
  auto const cell = [&](index_t number, index_t token) {
    index_t const wr = number / along, wc = number % along, a = token / window, b = token % window;
    index_t const row = whole_globe ? a * across + wr : wr * window + a;
    index_t const col = whole_globe ? b * along + wc : wc * window + b;
    return row * grid.width() + col;
  };
  auto const mine = [&](index_t number) {
    if (whole_globe && window > 1) // spread evenly: their tokens come from everywhere
      return number >= total * group_.rank() / group_.size() && number < total * (group_.rank() + 1) / group_.size();
    index_t const first = cell(number, 0);
    return grid.owner(first / grid.width(), first % grid.width()) == group_.rank();
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

void SpatialPlan::build_windows(ModelConfig const& m)
{
  for (std::size_t s = 0; s < 4; ++s) {
    short_[s] = windows_of(stage_[s], m.local_window[s], false);
    long_[s] = windows_of(stage_[s], m.global_window[s], true);
    std::vector<index_t> numbers;
    Box const t = tile(stage_[s]);
    for (index_t r = t.row0; r < t.row1; ++r)
      for (index_t c = t.col0; c < t.col1; ++c)
        numbers.push_back(r * stage_[s].width() + c);
    cells_[s] = {IndexList(numbers), stage_[s].height() * stage_[s].width()};
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
