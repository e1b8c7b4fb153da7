// ranks: 1 2 3 4 6 8
#include <rossby/dist/index_map.hpp>
#include <support/adjoint_check.hpp>
#include <support/arrays.hpp>
#include <support/tilings.hpp>

#include <set>

namespace rossby {
namespace {
using namespace test;

constexpr index_t height = 11, width = 14, batch = 2, channels = 3;

/// A map as everybody knows it: the wanted cells of every rank.
struct Wanted {
  char const* what;
  std::vector<std::vector<index_t>> of;
};

template <class F> Wanted per_rank(char const* what, int ranks, F const& f)
{
  Wanted w{what, {}};
  for (int r = 0; r < ranks; ++r)
    w.of.push_back(f(r));
  return w;
}

/// The tile with `border` cells around it, which are zero beyond the grid.
Wanted zero_border(Tiling const& tiling, index_t border)
{
  return per_rank("zero border", tiling.ranks(), [&](int r) {
    Box const b = tiling.box(r);
    std::vector<index_t> cells;
    for (index_t i = b.row0 - border; !b.empty() && i < b.row1 + border; ++i)
      for (index_t j = b.col0 - border; j < b.col1 + border; ++j) {
        bool const inside = i >= 0 && i < tiling.height() && j >= 0 && j < tiling.width();
        cells.push_back(inside ? i * tiling.width() + j : IndexMap::nothing);
      }
    return cells;
  });
}

/// Tiles of the grid padded by `rows` rows over each pole, turned by half the globe, and by `cols` columns around.
Wanted earth(Draw& draw, int ranks, index_t rows, index_t cols)
{
  auto const tiles = grid_tiling(draw, height + 2 * rows, width + 2 * cols, ranks, 1);
  return per_rank("poles and longitude", ranks, [&](int r) {
    std::vector<index_t> cells;
    Box const b = tiles.box(r);
    for (index_t i = b.row0 - rows; i < b.row1 - rows; ++i)
      for (index_t j = b.col0 - cols; j < b.col1 - cols; ++j) {
        bool const over = i < 0 || i >= height;
        index_t const row = i < 0 ? -1 - i : i >= height ? 2 * height - 1 - i : i;
        cells.push_back(row * width + ((j + (over ? width / 2 : 0)) % width + width) % width);
      }
    return cells;
  });
}

/// Windows of every `stride`-th row and column, whole windows dealt out to the ranks in turn.
Wanted strided_windows(int ranks, index_t stride)
{
  return per_rank("strided windows", ranks, [&](int r) {
    std::vector<index_t> cells;
    for (index_t window = r; window < stride * stride; window += ranks)
      for (index_t i = window / stride; i < height; i += stride)
        for (index_t j = window % stride; j < width; j += stride)
          cells.push_back(i * width + j);
    return cells;
  });
}

Wanted redistribution(Tiling const& to)
{
  return per_rank("redistribution", to.ranks(), [&](int r) {
    std::vector<index_t> cells;
    Box const b = to.box(r);
    for (index_t i = b.row0; i < b.row1; ++i)
      for (index_t j = b.col0; j < b.col1; ++j)
        cells.push_back(i * width + j);
    return cells;
  });
}

/// Any number of cells, any cell any number of times, and zeros.
Wanted anything(Draw& draw, int ranks)
{
  return per_rank("anything", ranks, [&](int) {
    std::vector<index_t> cells(at(draw.below(4) == 0 ? 0 : draw.below(200)));
    for (auto& c : cells)
      c = draw.below(5) == 0 ? IndexMap::nothing : draw.below(height * width);
    return cells;
  });
}

double source_value(index_t b, index_t cell, index_t c) { return Philox::normal(1, at(cell), at(b * channels + c)); }
double target_value(int rank, index_t b, index_t t, index_t c)
{
  return Philox::normal(2, at(rank), at((t * batch + b) * channels + c));
}

void check(Communicator const& world, Tiling const& tiling, Wanted const& wanted)
{
  int const me = world.rank();
  Box const tile = tiling.box(me);
  auto const& mine = wanted.of[at(me)];
  IndexMap const map(Exec(), world, tiling, mine);
  auto const targets = static_cast<index_t>(mine.size());
  ASSERT_EQ(map.sources(), tile.cells());
  ASSERT_EQ(map.targets(), targets);

  // Serial evaluation of both, from what everybody knows.
  std::vector<index_t> cells;
  for (index_t i = tile.row0; i < tile.row1; ++i)
    for (index_t j = tile.col0; j < tile.col1; ++j)
      cells.push_back(i * tiling.width() + j);
  Values x, y_wanted, dy, dx_wanted(at(batch * tile.cells() * channels), 0.0);
  for (index_t b = 0; b < batch; ++b)
    for (index_t const cell : cells)
      for (index_t c = 0; c < channels; ++c)
        x.push_back(source_value(b, cell, c));
  for (index_t b = 0; b < batch; ++b)
    for (index_t t = 0; t < targets; ++t)
      for (index_t c = 0; c < channels; ++c) {
        y_wanted.push_back(mine[at(t)] == IndexMap::nothing ? 0 : source_value(b, mine[at(t)], c));
        dy.push_back(target_value(me, b, t, c));
      }
  std::size_t distinct_remote = 0;
  for (int r = 0; r < world.size(); ++r) {
    auto const& list = wanted.of[at(r)];
    std::set<index_t> sent;
    for (std::size_t t = 0; t < list.size(); ++t) {
      if (list[t] == IndexMap::nothing)
        continue;
      index_t const row = list[t] / tiling.width(), col = list[t] % tiling.width();
      if (tiling.owner(row, col) != me)
        continue;
      if (r != me)
        sent.insert(list[t]);
      for (index_t b = 0; b < batch; ++b)
        for (index_t c = 0; c < channels; ++c)
          dx_wanted[at((b * tile.cells() + tiling.local(me, row, col)) * channels + c)] +=
              target_value(r, b, static_cast<index_t>(t), c);
    }
    distinct_remote += sent.size();
  }
  EXPECT_EQ(map.bytes_sent(channels, DType::float64), distinct_remote * channels * sizeof(double));

  Exec const exec;
  Shape const at_source{batch, tile.cells(), channels}, at_target{batch, targets, channels};
  Array const field = Array::from_host(Exec(), DType::float64, at_source, x), y = unwritten(DType::float64, at_target);
  map.apply(exec, field, y);
  EXPECT_EQ(y.to_host(Exec()), y_wanted); // cells are moved, not computed
  Array const up = Array::from_host(Exec(), DType::float64, at_target, dy), dx = unwritten(DType::float64, at_source);
  map.adjoint(exec, up, dx);
  expect_close(dx, dx_wanted);
  EXPECT_LT(adjoint_defect(world, field, up, y, dx), 1e-13);

  Array const again = unwritten(DType::float64, at_source);
  map.adjoint(exec, up, again);
  EXPECT_EQ(again.to_host(Exec()), dx.to_host(Exec())); // a fixed order of summation

  // In two steps: the source may change between them, and what stays here may come between them.
  Array const fleeting = field.clone(exec), moved = unwritten(DType::float64, at_target);
  auto forth = map.start(exec, fleeting, moved);
  fleeting.fill(exec, 7);
  forth.progress();
  forth.finish();
  EXPECT_EQ(moved.to_host(Exec()), y_wanted);
  Values only_others = dy;
  for (index_t b = 0; b < batch; ++b)
    for (index_t t = 0; t < targets; ++t)
      if (mine[at(t)] == IndexMap::nothing || tiling.owner(mine[at(t)] / width, mine[at(t)] % width) == me)
        std::fill_n(only_others.begin() + (b * targets + t) * channels, channels, 7);
  Array const growing = Array::from_host(Exec(), DType::float64, at_target, only_others),
              in_steps = unwritten(DType::float64, at_source);
  auto back = map.start_adjoint(exec, growing);
  growing.copy_from_host(exec, dy);
  back.progress();
  back.finish(in_steps);
  EXPECT_EQ(in_steps.to_host(Exec()), dx.to_host(Exec()));

  Array const narrow = field.cast(exec, DType::float32), narrow_y = unwritten(DType::float32, at_target);
  map.apply(exec, narrow, narrow_y);
  EXPECT_EQ(narrow_y.to_host(Exec()), y.cast(exec, DType::float32).to_host(Exec()));
}

TEST(IndexMap, IsWhatOneRankWouldDo)
{
  auto const world = Communicator::world();
  Draw draw(5);
  auto const tilings = random_tilings(draw, height, width, world.size(), 13);
  ASSERT_GE(tilings.size(), 12u);
  for (std::size_t k = 0; k < tilings.size(); ++k) {
    auto const& t = tilings[k];
    for (auto const& wanted :
         {zero_border(t, 1), zero_border(t, 4), earth(draw, world.size(), 3, 2), strided_windows(world.size(), 3),
          redistribution(tilings[(k + 1) % tilings.size()]), anything(draw, world.size())}) {
      SCOPED_TRACE(::testing::Message() << wanted.what << " over tiling " << k << ", rank " << world.rank());
      check(world, t, wanted);
    }
  }
}

// What a tile wants of itself only must not be sent, and a whole field can be gathered on any one rank.
TEST(IndexMap, IdentityAndGather)
{
  auto const world = Communicator::world();
  Draw draw(9);
  auto const tiling = grid_tiling(draw, height, width, world.size(), 1);
  auto const same = redistribution(tiling);
  check(world, tiling, same);
  EXPECT_EQ(IndexMap(Exec(), world, tiling, same.of[at(world.rank())]).bytes_sent(1, DType::float32), 0u);
  std::vector<Box> alone(at(world.size()));
  alone.back() = {0, height, 0, width};
  check(world, tiling, redistribution(Tiling(height, width, alone)));
}

// Fields may come with rows and columns apart: only batch and channels count.
TEST(IndexMap, TakesFieldsOfRowsAndColumns)
{
  Communicator const self;
  auto const tiling = Tiling::whole(2, 3);
  IndexMap const map(Exec(), self, tiling, {5, IndexMap::nothing, 0, 5});
  Array const x = Array::from_host(Exec(), DType::float64, {1, 2, 3, 1}, {0, 1, 2, 3, 4, 5}),
              y = unwritten(DType::float64, {1, 2, 2, 1}), dx = unwritten(DType::float64, {1, 2, 3, 1});
  map.apply(Exec(), x, y);
  EXPECT_EQ(y.to_host(Exec()), (Values{5, 0, 0, 5}));
  map.adjoint(Exec(), Array::from_host(Exec(), DType::float64, {1, 2, 2, 1}, {1, 10, 100, 1000}), dx);
  EXPECT_EQ(dx.to_host(Exec()), (Values{100, 0, 0, 0, 0, 1001}));
}

} // namespace
} // namespace rossby
