// ranks: 1 2 3 4 6
// What the plan of a tiled model brings to each rank, against the plan of one rank: fields carry their own cell number,
// so every cell can be named.
#include <rossby/models/wxformer/config.hpp>
#include <rossby/nn/grid_book.hpp>
#include <support/arrays.hpp>
#include <support/small_model.hpp>

namespace rossby {
namespace {
using namespace test;

/// Six by nine coarse cells, wide kernels.
WXFormerConfig odd_grid()
{
  auto m = small_model();
  m.fields.width = 138;
  m.kernels[0] = {2, 4, 8};
  return m;
}

/// The grids and moves of an encoder of four stages that halve the grid and a decoder that doubles it.
class Plan {
public:
  Plan(WXFormerConfig const& m, Communicator const& group, ProcessGrid const& ranks)
  {
    index_t const rows = m.padded_height(), cols = m.padded_width();
    for (int s = 3; s >= 0; --s) {
      index_t const f = index_t(1) << (3 - s), h = rows >> (s + 1), w = cols >> (s + 1);
      stage_[at(s)] = s == 3 ? book_.coarsest(h, w) : book_.refined(f, f, h, w);
    }
    auto const& p = m.padding;
    image_ = book_.inside(book_.refined(16, 16, rows, cols), {p.top, p.bottom, p.left, p.right});
    for (int k = 0; k < 5; ++k) {
      index_t const f = index_t(1) << k;
      level_[at(k)] = book_.refined(f, f, f * (rows >> 4), f * (cols >> 4));
      border_[at(k)] = book_.halo(level_[at(k)], level_[at(k)], {});
      if (k > 0)
        doubling_[at(k - 1)] = book_.doubling(level_[at(k - 1)], level_[at(k)]);
    }
    for (int s = 0; s < 4; ++s) {
      index_t const kernel = m.kernels[at(s)].back(), w = m.local_window[at(s)], g = m.global_window[at(s)];
      Footprint const footprint{2, kernel, (kernel - 2) / 2};
      GridId const here = stage_[at(s)];
      embed_[at(s)] =
          s == 0 ? book_.padded_halo(image_, p, here, footprint) : book_.halo(stage_[at(s - 1)], here, footprint);
      if ((rows >> (s + 1)) % w != 0) // a height that only the crop is tested with
        continue;
      short_[at(s)] = book_.windows(here, {WindowLayout::Tokens::near, w, w}, s);
      long_[at(s)] = book_.windows(here, {WindowLayout::Tokens::far, g, g}, s);
      shifted_[at(s)] = book_.windows(here, shifted_layout, s);
    }
    unpad_ = book_.unpad(level_[4], p, m.fields.height, m.fields.width);
    tokens_ = book_.outside(stage_[3], margins);
    margins_ = book_.with_margins(stage_[3], tokens_, margins);
    patches_ = book_.patches(image_, p, stage_[3], 16, 16);
    book_.build(Exec(), group, ranks);
  }
  static constexpr Margins margins{1, 2, 0, 3};
  WindowLayout const shifted_layout{WindowLayout::Tokens::near, 3, 3, 1, 2};

  Tiling const& image() const { return book_[image_]; }
  Tiling const& output() const { return book_[book_.output(unpad_)]; }
  Tiling const& stage(int s) const { return book_[stage_[at(s)]]; }
  Tiling const& level(int k) const { return book_[level_[at(k)]]; }
  Tiling const& tokens() const { return book_[tokens_]; }
  Box const& tile(Tiling const& t) const { return t.box(book_.group().rank()); }
  BoxMap const& embed_input(int s) const { return book_[embed_[at(s)]]; }
  BoxMap const& border(int k) const { return book_[border_[at(k)]]; }
  BoxMap const& with_margins() const { return book_[margins_]; }
  IndexMap const& patches() const { return book_[patches_]; }
  WindowMap const& short_windows(int s) const { return book_[short_[at(s)]]; }
  WindowMap const& long_windows(int s) const { return book_[long_[at(s)]]; }
  WindowMap const& shifted_windows(int s) const { return book_[shifted_[at(s)]]; }
  Unpad const& unpad() const { return book_[unpad_]; }
  ops::Stencil const& doubling(int k) const { return book_[doubling_[at(k)]]; }

private:
  GridBook book_;
  GridId image_, tokens_, stage_[4], level_[5];
  HaloId embed_[4], border_[5], margins_;
  WindowsId short_[4], long_[4], shifted_[4];
  DoublingId doubling_[4];
  PatchesId patches_;
  UnpadId unpad_;
};

/// A field on one rank's tile that holds 1 + the number of each cell.
Array numbered(Tiling const& t, int rank)
{
  Box const b = t.box(rank);
  Values v;
  for (index_t i = b.row0; i < b.row1; ++i)
    for (index_t j = b.col0; j < b.col1; ++j)
      v.push_back(static_cast<double>(1 + i * t.width() + j));
  return Array::from_host(Exec(), DType::float64, {1, b.cells(), 1}, v);
}

/// The numbers that a map brings; 0 for nothing.
Values brought(IndexMap const& map, Tiling const& t, int rank)
{
  Array const y = unwritten(DType::float64, {1, map.targets(), 1});
  map.apply(Exec(), numbered(t, rank), y);
  return y.to_host(Exec());
}

std::vector<index_t> seams_of(WindowMap const& map)
{
  auto const view = map.seams.view();
  std::vector<index_t> values(view.extent(0));
  Kokkos::deep_copy(
      Kokkos::View<index_t*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(values.data(), values.size()),
      view);
  return values;
}

struct Plans {
  Communicator world = Communicator::world();
  WXFormerConfig config;
  int rows, columns;
  Plan tiled, whole;
  Plans(WXFormerConfig const& c, int process_rows)
      : config(c), rows(process_rows), columns(world.size() / process_rows), tiled(c, world, {rows, columns}),
        whole(c, Communicator(), {})
  {
  }
  int rank() const { return world.rank(); }
};

template <class F> void for_each_process_grid(WXFormerConfig const& config, F const& f)
{
  int const ranks = Communicator::world().size();
  for (int rows = 1; rows <= ranks; ++rows)
    if (ranks % rows == 0) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << ranks / rows << " tiles");
      f(Plans(config, rows));
    }
}

/// Rows [row0, row1) and columns [col0, col1) of a row-major field, whose first cell is (origin, origin).
Values cut_out(Values const& field, index_t width, index_t origin, Box const& b)
{
  Values v;
  for (index_t i = b.row0; i < b.row1; ++i)
    for (index_t j = b.col0; j < b.col1; ++j)
      v.push_back(field[at((i - origin) * width + j - origin)]);
  return v;
}

TEST(GridBook, TilesFollowTheCoarseGrid)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    EXPECT_EQ(p.tiled.output().height(), p.whole.output().height());
    EXPECT_EQ(p.tiled.output().width(), p.whole.output().width());
    for (int s = 1; s < 4; ++s) {
      Box const fine = p.tiled.tile(p.tiled.stage(s - 1)), coarse = p.tiled.tile(p.tiled.stage(s));
      EXPECT_EQ(fine.row0, 2 * coarse.row0);
      EXPECT_EQ(fine.col0, 2 * coarse.col0);
      EXPECT_GE(fine.row1, 2 * coarse.row1);
    }
    for (int k = 0; k < 4; ++k) {
      Box const coarse = p.tiled.tile(p.tiled.level(k)), fine = p.tiled.tile(p.tiled.level(k + 1));
      EXPECT_EQ(fine, (Box{2 * coarse.row0, 2 * coarse.row1, 2 * coarse.col0, 2 * coarse.col1}));
    }
  });
}

TEST(GridBook, BordersAreThoseOfTheWholeField)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    for (int s = 0; s < 4; ++s) {
      auto const& source = s == 0 ? p.tiled.image() : p.tiled.stage(s - 1);
      auto const& all = s == 0 ? p.whole.image() : p.whole.stage(s - 1);
      auto const mine = brought(p.tiled.embed_input(s).map, source, p.rank()),
                 everything = brought(p.whole.embed_input(s).map, all, 0);
      index_t const stride = 2, kernel = p.config.kernels[at(s)].back(), before = (kernel - stride) / 2;
      Box const t = p.tiled.tile(p.tiled.stage(s));
      Box const needed{t.row0 * stride - before, (t.row1 - 1) * stride - before + kernel, t.col0 * stride - before,
                       (t.col1 - 1) * stride - before + kernel};
      EXPECT_EQ(p.tiled.embed_input(s).cells, (Shape{needed.rows(), needed.cols()}));
      EXPECT_EQ(mine, cut_out(everything, p.whole.embed_input(s).cells[1], -before, needed)) << "stage " << s;
    }
    for (int k = 0; k < 5; ++k) {
      Box const t = p.tiled.tile(p.tiled.level(k));
      EXPECT_EQ(brought(p.tiled.border(k).map, p.tiled.level(k), p.rank()),
                cut_out(brought(p.whole.border(k).map, p.whole.level(k), 0), p.whole.level(k).width() + 2, -1,
                        {t.row0 - 1, t.row1 + 1, t.col0 - 1, t.col1 + 1}))
          << "level " << k;
    }
  });
}

TEST(GridBook, EveryWindowIsWholeOnOneRank)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    for (int s = 0; s < 4; ++s)
      for (bool const globe : {false, true}) {
        auto const& map = globe ? p.tiled.long_windows(s) : p.tiled.short_windows(s);
        Tiling const& grid = p.tiled.stage(s);
        index_t const w = globe ? p.config.global_window[at(s)] : p.config.local_window[at(s)];
        index_t const across = grid.height() / w, along = grid.width() / w;
        ASSERT_EQ(map.tokens, w * w);
        ASSERT_EQ(map.map.targets(), map.windows * map.tokens);
        ASSERT_EQ(map.numbers.total, across * along);
        auto const cells = brought(map.map, grid, p.rank());
        // Token (a, b) lies a rows and b columns from the first: of neighbours one apart, of the globe's one
        // window-count apart.
        index_t const down = globe ? across : 1, right = globe ? along : 1;
        double window_sum = 0;
        for (index_t n = 0; n < map.windows; ++n) {
          auto const first = static_cast<index_t>(cells[at(n * map.tokens)]) - 1;
          index_t const row = first / grid.width(), col = first % grid.width();
          index_t const number = globe ? row * along + col : row / w * along + col / w;
          window_sum += static_cast<double>(number + 1);
          for (index_t t = 0; t < map.tokens; ++t)
            EXPECT_EQ(cells[at(n * map.tokens + t)],
                      static_cast<double>(1 + (row + t / w * down) * grid.width() + col + t % w * right));
        }
        // Each window is somewhere, once: counts and the sum of numbers agree, and so do cells.
        double sums[3] = {static_cast<double>(map.windows), window_sum, 0};
        for (double const c : cells)
          sums[2] += c;
        p.world.all_reduce_sum(sums, 3);
        auto const total = static_cast<double>(across * along), n = total * static_cast<double>(w * w);
        EXPECT_EQ(sums[0], total);
        EXPECT_EQ(sums[1], total * (total + 1) / 2);
        EXPECT_EQ(sums[2], n * (n + 1) / 2);
      }
  });
}

/// PyTorch's bilinear resize without aligned corners, of one row or column.
std::pair<index_t, double> tap(index_t target, index_t in, index_t out)
{
  double const x =
      std::max(0.0, (static_cast<double>(target) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
  auto const low = std::min(static_cast<index_t>(x), in - 1);
  return {low, x - static_cast<double>(low)};
}

double bilinear(std::function<double(index_t, index_t)> const& f, index_t h, index_t w, std::pair<index_t, double> r,
                std::pair<index_t, double> c)
{
  index_t const r1 = std::min(r.first + 1, h - 1), c1 = std::min(c.first + 1, w - 1);
  return (1 - r.second) * ((1 - c.second) * f(r.first, c.first) + c.second * f(r.first, c1)) +
         r.second * ((1 - c.second) * f(r1, c.first) + c.second * f(r1, c1));
}

TEST(GridBook, OutputIsTheCropResizedToTheImage)
{
  auto config = odd_grid();
  for (int bottom : {25, 35}) { // 96 rows are whole coarse cells, and their crop is the image; 106 are not
    config.padding.bottom = bottom;
    for_each_process_grid(config, [&](Plans const& p) {
      Tiling const& top = p.tiled.level(4);
      Box const mine = p.tiled.tile(p.tiled.output());
      Context ctx{Exec(), nullptr, false};
      Var const y = unpad_shard_interp(ctx, Var(numbered(top, p.rank())), p.tiled.unpad());
      EXPECT_EQ(y.value().shape(), (Shape{1, mine.rows(), mine.cols(), 1}));
      index_t const pt = config.padding.top, pl = config.padding.left;
      index_t const h = top.height() - pt - bottom, w = top.width() - pl - config.padding.right;
      auto const number = [&](index_t i, index_t j) {
        return static_cast<double>(1 + (i + pt) * top.width() + j + pl);
      };
      Values wanted;
      for (index_t i = mine.row0; i < mine.row1; ++i)
        for (index_t j = mine.col0; j < mine.col1; ++j)
          wanted.push_back(bilinear(number, h, w, tap(i, h, 45), tap(j, w, 138)));
      expect_close(y.value(), wanted, 1e-12);
    });
  }
}

// What convolutions compute while a border is under way: all of the tile, and no cell of others.
TEST(GridBook, LocalBoxesHoldTheTileAndNothingOfOthers)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    for (int k = 0; k < 5; ++k) {
      Tiling const& t = p.tiled.level(k);
      Box const tile = p.tiled.tile(t), local = p.tiled.border(k).local;
      EXPECT_EQ(intersect(local, {1, 1 + tile.rows(), 1, 1 + tile.cols()}).cells(), tile.cells());
      for (index_t i = local.row0; i < local.row1; ++i)
        for (index_t j = local.col0; j < local.col1; ++j) {
          index_t const row = tile.row0 - 1 + i, col = tile.col0 - 1 + j;
          bool const inside = row >= 0 && col >= 0 && row < t.height() && col < t.width();
          EXPECT_TRUE(!inside || t.owner(row, col) == p.rank());
        }
    }
  });
}

TEST(GridBook, DoublingIsABilinearResizeWithAZeroBorder)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    for (int k = 0; k < 4; ++k) {
      Tiling const &coarse = p.tiled.level(k), &fine = p.tiled.level(k + 1);
      Box const f = p.tiled.tile(fine);
      auto const& border = p.tiled.border(k);
      Array const x = unwritten(DType::float64, {1, border.map.targets(), 1}),
                  y = unwritten(DType::float64, {1, (f.rows() + 2) * (f.cols() + 2), 1});
      border.map.apply(Exec(), numbered(coarse, p.rank()), x);
      p.tiled.doubling(k).apply(Exec(), x, y);
      Values wanted;
      auto const number = [&](index_t i, index_t j) { return static_cast<double>(1 + i * coarse.width() + j); };
      for (index_t i = f.row0 - 1; i <= f.row1; ++i)
        for (index_t j = f.col0 - 1; j <= f.col1; ++j) {
          bool const inside = i >= 0 && j >= 0 && i < fine.height() && j < fine.width();
          wanted.push_back(inside
                               ? bilinear(number, coarse.height(), coarse.width(),
                                          tap(i, coarse.height(), fine.height()), tap(j, coarse.width(), fine.width()))
                               : 0);
        }
      expect_close(y, wanted, 1e-12);
    }
  });
}

// Shifted windows wrap over the edges of the grid; those that do say so.
TEST(GridBook, ShiftedWindowsWrapAndKnowTheirSeams)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    auto const& layout = p.tiled.shifted_layout;
    for (int s = 0; s < 4; ++s) {
      auto const& map = p.tiled.shifted_windows(s);
      Tiling const& grid = p.tiled.stage(s);
      index_t const h = grid.height(), w = grid.width(), across = h / layout.rows, along = w / layout.columns;
      auto const cells = brought(map.map, grid, p.rank());
      auto const seams = seams_of(map);
      double sums[2] = {0, 0};
      for (index_t n = 0; n < map.windows; ++n) {
        // The first cell tells which window it is.
        auto const first = static_cast<index_t>(cells[at(n * map.tokens)]) - 1;
        index_t const row = (first / w - layout.shift_rows + h) % h / layout.rows;
        index_t const col = (first % w - layout.shift_columns + w) % w / layout.columns;
        EXPECT_EQ(seams[at(n)], (row == across - 1 ? 1 : 0) + (col == along - 1 ? 2 : 0));
        for (index_t t = 0; t < map.tokens; ++t) {
          index_t const r = (row * layout.rows + t / layout.columns + layout.shift_rows) % h;
          index_t const c = (col * layout.columns + t % layout.columns + layout.shift_columns) % w;
          EXPECT_EQ(cells[at(n * map.tokens + t)], static_cast<double>(1 + r * w + c));
        }
        sums[0] += static_cast<double>(row * along + col + 1);
        sums[1] += 1;
      }
      p.world.all_reduce_sum(sums, 2);
      auto const total = static_cast<double>(across * along);
      EXPECT_EQ(sums[1], total);
      EXPECT_EQ(sums[0], total * (total + 1) / 2);
    }
  });
}

TEST(GridBook, MarginsAreZeroAndBelongToTheOutermostTiles)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    Tiling const &grid = p.tiled.stage(3), &wide = p.tiled.tokens();
    auto const m = Plan::margins;
    Box const mine = p.tiled.tile(wide), inner = p.tiled.tile(grid);
    EXPECT_EQ(mine.row0, inner.row0 == 0 ? 0 : inner.row0 + m.top);
    EXPECT_EQ(mine.col1, inner.col1 + m.left + (inner.col1 == grid.width() ? m.right : 0));
    Values wanted;
    for (index_t i = mine.row0; i < mine.row1; ++i)
      for (index_t j = mine.col0; j < mine.col1; ++j) {
        index_t const r = i - m.top, c = j - m.left;
        bool const inside = r >= 0 && c >= 0 && r < grid.height() && c < grid.width();
        wanted.push_back(inside ? static_cast<double>(1 + r * grid.width() + c) : 0);
      }
    EXPECT_EQ(brought(p.tiled.with_margins().map, grid, p.rank()), wanted);
  });
}

TEST(GridBook, PatchesOfThePaddedImage)
{
  for_each_process_grid(odd_grid(), [](Plans const& p) {
    Tiling const& image = p.tiled.image();
    Box const mine = p.tiled.tile(p.tiled.stage(3));
    Values wanted;
    for (index_t i = mine.row0; i < mine.row1; ++i)
      for (index_t j = mine.col0; j < mine.col1; ++j)
        for (index_t k = 0; k < 256; ++k) {
          auto const cell =
              padding_source(p.config.padding, image.height(), image.width(), 16 * i + k / 16, 16 * j + k % 16);
          wanted.push_back(static_cast<double>(1 + cell.row * image.width() + cell.col));
        }
    EXPECT_EQ(brought(p.tiled.patches(), image, p.rank()), wanted);
  });
}

} // namespace
} // namespace rossby
