// ranks: 1 2 4
// Postblocks on tiles are those of one rank, fields and gradients, whatever the tiles.
#include "support/postblock_world.hpp"
#include "support/tilings.hpp"

#include "dist/global_sum.hpp"

#include <gtest/gtest.h>

namespace {
using namespace rossby;
using World = test::PostblockWorld;

void expect_part(std::vector<double> const& mine, std::vector<double> const& whole, Box const& tile, index_t channels,
                 double tolerance, std::string const& what)
{
  std::vector<double> scale(static_cast<std::size_t>(channels), 1e-300);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto& s = scale[i % scale.size()];
    s = std::max(s, std::fabs(whole[i]));
  }
  std::size_t at = 0;
  int wrong = 0;
  for (index_t s = 0; s < World::samples; ++s)
    for (auto const cell : cells_of(tile, World::width))
      for (index_t c = 0; c < channels; ++c, ++at) {
        double const expected = whole[static_cast<std::size_t>((s * World::cells + cell) * channels + c)];
        if (std::fabs(mine[at] - expected) > tolerance * scale[static_cast<std::size_t>(c)] && ++wrong < 4)
          ADD_FAILURE() << what << ", channel " << c << ", cell " << cell << ": " << mine[at] << ", not " << expected;
      }
}

TEST(PostblocksOnTiles, AreThoseOfOneRank)
{
  auto const ranks = Communicator::world();
  World const world;
  Box const globe{0, World::height, 0, World::width};
  test::Draw draw(11);
  auto const tilings = test::random_tilings(draw, World::height, World::width, ranks.size(), 3);
  for (auto const& [name, block] : world.blocks()) {
    auto const alone = world.run(block, Tiling::whole(World::height, World::width), Communicator(), world.y(globe));
    for (auto const& tiling : tilings) {
      Box const tile = tiling.box(ranks.rank());
      auto const shared = world.run(block, tiling, ranks, world.y(tile));
      expect_part(shared.y, alone.y, tile, World::channels + World::room, 1e-13, name);
      expect_part(shared.dy, alone.dy, tile, World::channels, 1e-10, name + ", gradient");
    }
  }
}

/// Terms that cancel: plain sums would differ with the tiles.
TEST(GlobalSum, DoesNotShowHowTheGridIsCut)
{
  auto const ranks = Communicator::world();
  test::Draw draw(5);
  auto const term = [](index_t sample, index_t cell, index_t k) {
    return (cell % 2 ? -1e12 : 1e12) * (1 + 0.1 * std::sin(static_cast<double>(cell / 2 + k))) +
           std::cos(static_cast<double>(cell * 7 + sample));
  };
  auto const terms = [&](Box const& tile) {
    std::vector<double> values;
    for (index_t s = 0; s < 2; ++s)
      for (auto const cell : cells_of(tile, 24))
        for (index_t k = 0; k < 3; ++k)
          values.push_back(term(s, cell, k));
    return Array::from_host(Exec(), DType::float64, {2, tile.cells(), 3}, values);
  };
  auto const alone = global_sum(Exec(), Communicator(), terms({0, 30, 0, 24}));
  for (auto const& tiling : test::random_tilings(draw, 30, 24, ranks.size(), 4))
    EXPECT_EQ(global_sum(Exec(), ranks, terms(tiling.box(ranks.rank()))), alone);
}
} // namespace
