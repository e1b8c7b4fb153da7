// Declarations are lists of plain numbers; build() walks them in order, on every rank alike, because each map's
// construction is collective. A grid's tiles follow from the tiles of the coarsest grid by scaling and by margins
// alone, so cut() needs no rank, and any two grids of a model are cut at the same places of the globe.

#include <rossby/nn/grid_book.hpp>

#include <rossby/core/error.hpp>

#include "bilinear.hpp"

#include <algorithm>

namespace rossby {

namespace {

bool same(SpherePadding const& a, SpherePadding const& b)
{
  return a.mode == b.mode && a.top == b.top && a.bottom == b.bottom && a.left == b.left && a.right == b.right;
}

/// The number of an equal entry, or of the one that is added.
template <class T, class F> int number_of(std::vector<T>& list, T entry, F const& equal)
{
  for (std::size_t i = 0; i < list.size(); ++i)
    if (equal(list[i]))
      return static_cast<int>(i);
  list.push_back(std::move(entry));
  return static_cast<int>(list.size()) - 1;
}

/// A coarse box on a finer grid; what lies beyond the last coarse cell belongs to the last tile.
Box scaled(Box const& b, index_t down, index_t along, Tiling const& coarse, index_t height, index_t width)
{
  return {b.row0 * down, b.row1 == coarse.height() ? height : b.row1 * down, b.col0 * along,
          b.col1 == coarse.width() ? width : b.col1 * along};
}

Box without(Box const& b, Tiling const& grid, Margins const& m)
{
  Box const left = intersect(b, {m.top, grid.height() - m.bottom, m.left, grid.width() - m.right});
  return left.empty() ? Box{} : Box{left.row0 - m.top, left.row1 - m.top, left.col0 - m.left, left.col1 - m.left};
}

Box with(Box const& b, Tiling const& grid, Margins const& m)
{
  return {b.row0 == 0 ? 0 : b.row0 + m.top, b.row1 + m.top + (b.row1 == grid.height() ? m.bottom : 0),
          b.col0 == 0 ? 0 : b.col0 + m.left, b.col1 + m.left + (b.col1 == grid.width() ? m.right : 0)};
}

} // namespace

GridId GridBook::add(Grid grid)
{
  ROSSBY_EXPECT(grid.height > 0 && grid.width > 0);
  grids_.push_back(grid);
  return {static_cast<int>(grids_.size()) - 1};
}

GridId GridBook::coarsest(index_t height, index_t width)
{
  ROSSBY_EXPECT(grids_.empty());
  return add({Grid::Kind::coarsest, height, width});
}

GridId GridBook::refined(index_t down, index_t along, index_t height, index_t width)
{
  return add({Grid::Kind::refined, height, width, 0, down, along});
}

GridId GridBook::inside(GridId of, Margins const& m)
{
  Grid const& g = at(grids_, of.number);
  return add({Grid::Kind::inside, g.height - m.top - m.bottom, g.width - m.left - m.right, of.number, 1, 1, m});
}

GridId GridBook::outside(GridId of, Margins const& m)
{
  Grid const& g = at(grids_, of.number);
  return add({Grid::Kind::outside, g.height + m.top + m.bottom, g.width + m.left + m.right, of.number, 1, 1, m});
}

GridId GridBook::output(UnpadId u) const { return {at(unpads_, u.number).output}; }

HaloId GridBook::add(Halo const& halo)
{
  return {number_of(halos_, halo, [&](Halo const& h) {
    return h.from == halo.from && h.to == halo.to && h.footprint == halo.footprint && h.padded == halo.padded &&
           h.before_columns == halo.before_columns && same(h.padding, halo.padding);
  })};
}

HaloId GridBook::halo(GridId from, GridId to, Footprint const& footprint)
{
  return add(Halo{from.number, to.number, footprint, footprint.before, false, {}});
}

HaloId GridBook::padded_halo(GridId image, SpherePadding const& padding, GridId to, Footprint const& footprint)
{
  return add(Halo{image.number, to.number, footprint, footprint.before, true, padding});
}

HaloId GridBook::with_margins(GridId from, GridId to, Margins const& m)
{
  return add(Halo{from.number, to.number, {1, 1, m.top}, m.left, false, {}});
}

WindowsId GridBook::windows(GridId grid, WindowLayout const& layout, int stage)
{
  return {number_of(windows_, {grid.number, stage, layout},
                    [&](Windows const& w) { return w.grid == grid.number && w.stage == stage && w.layout == layout; })};
}

CellsId GridBook::cells(GridId grid, int stage)
{
  return {number_of(cells_, {grid.number, stage, {}},
                    [&](Windows const& w) { return w.grid == grid.number && w.stage == stage; })};
}

PatchesId GridBook::patches(GridId image, SpherePadding const& padding, GridId to, index_t rows, index_t columns)
{
  return {number_of(patches_, {image.number, to.number, rows, columns, padding}, [&](Patches const& p) {
    return p.image == image.number && p.to == to.number && p.rows == rows && p.columns == columns &&
           same(p.padding, padding);
  })};
}

UnpadId GridBook::unpad(GridId from, SpherePadding const& padding, index_t height, index_t width)
{
  int const number = static_cast<int>(unpads_.size());
  GridId const output = add({Grid::Kind::output, height, width, number});
  unpads_.push_back({from.number, output.number, padding, height, width});
  return {number};
}

DoublingId GridBook::doubling(GridId coarse, GridId fine)
{
  return {number_of(doublings_, {coarse.number, fine.number},
                    [&](Doubling const& d) { return d.coarse == coarse.number && d.fine == fine.number; })};
}

std::vector<Tiling> GridBook::cut(ProcessGrid const& ranks) const
{
  std::vector<Tiling> tilings;
  for (Grid const& g : grids_) {
    std::vector<Box> boxes;
    switch (g.kind) {
    case Grid::Kind::coarsest:
      boxes = cut_cells(g.height, g.width, ranks);
      break;
    case Grid::Kind::refined:
      for (int r = 0; r < tilings[0].ranks(); ++r)
        boxes.push_back(scaled(tilings[0].box(r), g.down, g.along, tilings[0], g.height, g.width));
      break;
    case Grid::Kind::inside:
    case Grid::Kind::outside:
      for (Tiling const& of = at(tilings, g.of); static_cast<int>(boxes.size()) < of.ranks();) {
        Box const& b = of.box(static_cast<int>(boxes.size()));
        boxes.push_back(g.kind == Grid::Kind::inside ? without(b, of, g.margins) : with(b, of, g.margins));
      }
      break;
    case Grid::Kind::output: {
      Unpadding const& u = at(unpads_, g.of);
      tilings.push_back(Unpad::output_of(at(tilings, u.from), u.padding, u.height, u.width));
      continue;
    }
    }
    tilings.emplace_back(g.height, g.width, std::move(boxes));
  }
  return tilings;
}

void GridBook::build(Exec const& exec, Communicator const& group, ProcessGrid const& ranks)
{
  ROSSBY_EXPECT(ranks.domains() * ranks.tensor == group.size() && tilings_.empty());
  group_ = group;
  ranks_ = ranks;
  tilings_ = cut(ranks);
  for (auto const& h : halos_)
    halo_maps_.push_back(build(exec, h));
  for (auto const& w : windows_)
    window_maps_.push_back(window_map(exec, group_, ranks_, at(tilings_, w.grid), w.layout, shares(w.stage) > 1));
  for (auto const& c : cells_)
    cell_maps_.push_back(cell_map(exec, group_, ranks_, at(tilings_, c.grid), shares(c.stage) > 1));
  for (auto const& p : patches_)
    patch_maps_.push_back(build(exec, p));
  for (auto const& u : unpads_)
    unpad_maps_.emplace_back(exec, group_, at(tilings_, u.from), u.padding, u.height, u.width);
  for (auto const& d : doublings_)
    doubling_stencils_.push_back(build(exec, d));
}

Shape GridBook::extents(GridId g) const
{
  Box const b = tile(g.number);
  return {b.rows(), b.cols()};
}

BoxMap GridBook::build(Exec const& exec, Halo const& halo) const
{
  Tiling const &from = at(tilings_, halo.from), &to = at(tilings_, halo.to);
  Box const t = to.box(group_.rank());
  auto const [stride, kernel, before] = halo.footprint;
  Box const needed{t.row0 * stride - before, (t.row1 - 1) * stride - before + kernel,
                   t.col0 * stride - halo.before_columns, (t.col1 - 1) * stride - halo.before_columns + kernel};
  SpherePadding const& p = halo.padding;
  index_t const h = from.height(), w = from.width(), rows = h + p.top + p.bottom, cols = w + p.left + p.right;
  return box_map(exec, group_, from, needed, [&, padded = halo.padded](index_t r, index_t c) {
    if (r < 0 || r >= rows || c < 0 || c >= cols)
      return IndexMap::nothing;
    if (!padded)
      return r * w + c;
    auto const source = padding_source(p, h, w, r, c);
    return source.row * w + source.col;
  });
}

IndexMap GridBook::build(Exec const& exec, Patches const& patches) const
{
  Tiling const& image = at(tilings_, patches.image);
  std::vector<index_t> wanted;
  Box const t = tile(patches.to);
  for (index_t i = t.row0; i < t.row1; ++i)
    for (index_t j = t.col0; j < t.col1; ++j)
      for (index_t a = 0; a < patches.rows; ++a)
        for (index_t b = 0; b < patches.columns; ++b) {
          auto const source = padding_source(patches.padding, image.height(), image.width(), i * patches.rows + a,
                                             j * patches.columns + b);
          wanted.push_back(source.row * image.width() + source.col);
        }
  return {exec, group_, image, wanted};
}

ops::Stencil GridBook::build(Exec const& exec, Doubling const& doubling) const
{
  Tiling const &coarse = at(tilings_, doubling.coarse), &fine = at(tilings_, doubling.fine);
  Box const c = tile(doubling.coarse), f = tile(doubling.fine);
  Box const source{c.row0 - 1, c.row1 + 1, c.col0 - 1, c.col1 + 1},
      target{f.row0 - 1, f.row1 + 1, f.col0 - 1, f.col1 + 1};
  std::vector<ops::Stencil::Entry> entries;
  for (index_t i = target.row0; i < target.row1; ++i)
    for (index_t j = target.col0; j < target.col1; ++j)
      if (i >= 0 && i < fine.height() && j >= 0 && j < fine.width()) // the convolution's border is zero
        add_bilinear(entries, (i - target.row0) * target.cols() + (j - target.col0),
                     tap_of(i, coarse.height(), fine.height()), tap_of(j, coarse.width(), fine.width()), source);
  return {exec, target.cells(), source.cells(), entries};
}

void GridBook::for_each(std::function<void(std::string const&, IndexMap const&)> const& map,
                        std::function<void(std::string const&, ops::Stencil const&)> const& stencil) const
{
  auto const name = [](char const* what, std::size_t i) { return what + std::string(" ") + std::to_string(i); };
  for (std::size_t i = 0; i < halo_maps_.size(); ++i)
    map(name("halo", i), halo_maps_[i].map);
  for (std::size_t i = 0; i < window_maps_.size(); ++i)
    map(name("windows", i), window_maps_[i].map);
  for (std::size_t i = 0; i < cell_maps_.size(); ++i)
    if (shares(cells_[i].stage) > 1)
      map(name("cells", i), cell_maps_[i].map);
  for (std::size_t i = 0; i < patch_maps_.size(); ++i)
    map(name("patches", i), patch_maps_[i]);
  for (std::size_t i = 0; i < unpad_maps_.size(); ++i) {
    map(name("crop", i), unpad_maps_[i].crop());
    if (unpad_maps_[i].resizes())
      stencil(name("resize", i), unpad_maps_[i].resize());
  }
  for (std::size_t i = 0; i < doubling_stencils_.size(); ++i)
    stencil(name("doubling", i), doubling_stencils_[i]);
}

} // namespace rossby
