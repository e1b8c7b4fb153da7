#include <rossby/models/pyramid/spatial_plan.hpp>

#include "../bilinear.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace rossby {

namespace {

/// The smallest box around two.
Box around(Box const& a, Box const& b)
{
  return {std::min(a.row0, b.row0), std::max(a.row1, b.row1), std::min(a.col0, b.col0), std::max(a.col1, b.col1)};
}

/// A cell of its own grid, or nothing outside of it.
std::function<index_t(index_t, index_t)> zero_outside(Tiling const& t)
{
  return [h = t.height(), w = t.width()](index_t r, index_t c) {
    return r < 0 || r >= h || c < 0 || c >= w ? IndexMap::nothing : r * w + c;
  };
}

} // namespace

SpatialPlan::SpatialPlan(PyramidConfig const& config, Communicator const& group, ProcessGrid const& grid)
    : group_(group), grid_(grid), tiles_(cut_tiles(config, grid))
{
  ROSSBY_EXPECT(grid.domains() * grid.tensor == group.size());
  build_embed_inputs(config);
  for (std::size_t k = 0; k < 5; ++k) {
    Box const t = tile(tiles_.level[k]);
    border_[k] = box_map(group_, tiles_.level[k], {t.row0 - 1, t.row1 + 1, t.col0 - 1, t.col1 + 1},
                         zero_outside(tiles_.level[k]));
  }
  build_windows(config);
  if (config.variant().upsampling == Upsampling::bilinear)
    build_doubling();
  Tiling const& top = level(4);
  auto const& p = config.padding;
  unpad_ = Unpad(group_, top, p, config.interp ? config.fields.height : top.height() - p.top - p.bottom,
                 config.interp ? config.fields.width : top.width() - p.left - p.right);
}

void SpatialPlan::build_embed_inputs(PyramidConfig const& m)
{
  for (int s = 0; s < 4; ++s) {
    auto const i = static_cast<std::size_t>(s);
    index_t const stride = m.strides[i], kernel = *std::max_element(m.kernels[i].begin(), m.kernels[i].end());
    index_t const before = (kernel - stride) / 2;
    Box const t = tile(tiles_.stage[i]);
    Box const needed{t.row0 * stride - before, (t.row1 - 1) * stride - before + kernel, t.col0 * stride - before,
                     (t.col1 - 1) * stride - before + kernel};
    if (s > 0) {
      embed_[i] = box_map(group_, tiles_.stage[i - 1], needed, zero_outside(tiles_.stage[i - 1]));
      continue;
    }
    embed_[0] = box_map(group_, tiles_.image, needed, [&](index_t r, index_t c) {
      if (r < 0 || r >= tiles_.padded.height() || c < 0 || c >= tiles_.padded.width())
        return IndexMap::nothing;
      auto const source = padding_source(m.padding, m.fields.height, m.fields.width, r, c);
      return source.row * m.fields.width + source.col;
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
  auto const numbers = rossby::cells_of(b, grid.width());
  return {shared ? IndexMap(group_, grid, numbers) : IndexMap(),
          b.cells(),
          1,
          {IndexList(numbers), grid.height() * grid.width()}};
}

void SpatialPlan::build_windows(PyramidConfig const& m)
{
  for (std::size_t s = 0; s < 4; ++s) {
    bool const shared = shares(static_cast<int>(s)) > 1;
    short_[s] = windows_of(tiles_.stage[s], m.local_window[s], false, shared);
    long_[s] = windows_of(tiles_.stage[s], m.global_window[s], true, shared);
    cells_[s] = cells_of(tiles_.stage[s], shared);
  }
}

void SpatialPlan::build_doubling()
{
  for (std::size_t k = 0; k < 4; ++k) {
    Tiling const &coarse = tiles_.level[k], &fine = tiles_.level[k + 1];
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
