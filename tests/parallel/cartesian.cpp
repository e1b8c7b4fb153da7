// ranks: 1 2 4 6
#include <rossby/comm/communicator.hpp>

#include <gtest/gtest.h>
#include <mpi.h>

namespace rossby {
namespace {

int topology_of(Communicator const& ranks)
{
  if (!ranks.native_handle()) // one rank
    return MPI_CART;
  int topology = 0;
  MPI_Topo_test(*static_cast<MPI_Comm*>(ranks.native_handle()), &topology);
  return topology;
}

/// Grids of as many places as there are ranks.
std::vector<std::vector<int>> grids(int ranks)
{
  std::vector<std::vector<int>> list;
  for (int a = 1; a <= ranks; ++a)
    for (int b = 1; b <= ranks / a; ++b)
      if (ranks % (a * b) == 0)
        list.push_back({a, b, ranks / (a * b)});
  return list;
}

TEST(Cartesian, RanksAreRowMajorAndKeepTheirOrder)
{
  auto const world = Communicator::world();
  for (auto const& extents : grids(world.size())) {
    std::vector<bool> const periodic{false, false, true};
    auto const grid = Communicator::cartesian(world, extents, periodic);
    EXPECT_EQ(topology_of(grid), MPI_CART);
    EXPECT_TRUE(grid.is_cartesian());
    EXPECT_EQ(grid.rank(), world.rank());
    EXPECT_EQ(grid.extents(), extents);
    EXPECT_EQ(grid.periodic(), periodic);
    auto const at = grid.coordinates();
    EXPECT_EQ((at[0] * extents[1] + at[1]) * extents[2] + at[2], world.rank());
  }
  EXPECT_FALSE(world.is_cartesian());
}

TEST(Cartesian, PartsShareTheCoordinatesThatAreNotKept)
{
  auto const world = Communicator::world();
  for (auto const& extents : grids(world.size())) {
    auto const grid = Communicator::cartesian(world, extents, {false, false, true});
    auto const at = grid.coordinates();
    for (int mask = 0; mask < 8; ++mask) {
      std::vector<bool> keep;
      std::vector<int> kept_extents, kept_coordinates;
      int size = 1, rank = 0;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        keep.push_back((mask >> axis & 1) != 0);
        if (keep.back()) {
          kept_extents.push_back(extents[axis]);
          kept_coordinates.push_back(at[axis]);
          size *= extents[axis];
          rank = rank * extents[axis] + at[axis];
        }
      }
      auto const part = grid.sub(keep).named("part");
      EXPECT_EQ(topology_of(part), MPI_CART);
      EXPECT_EQ(part.size(), size);
      EXPECT_EQ(part.rank(), rank);
      EXPECT_EQ(part.extents(), kept_extents);
      EXPECT_EQ(part.coordinates(), kept_coordinates);
      EXPECT_EQ(part.name(), "part");
    }
  }
}

TEST(Cartesian, NamesStayWithTheirGroups)
{
  auto const world = Communicator::world();
  EXPECT_EQ(world.name(), "world");
  EXPECT_EQ(Communicator().name(), "self");
  auto const renamed = world.named("data");
  EXPECT_EQ(renamed.name(), "data");
  EXPECT_EQ(world.name(), "world");
  EXPECT_EQ(renamed.size(), world.size());
  EXPECT_EQ(renamed.split(0, 0).name(), "data");
}

TEST(Cartesian, GridWithoutAPlaceForEveryRankIsRefused)
{
  auto const world = Communicator::world();
  EXPECT_THROW(Communicator::cartesian(world, {world.size() + 1}, {false}), std::exception);
  EXPECT_THROW(Communicator::cartesian(world, {world.size()}, {false, true}), std::exception);
}

} // namespace
} // namespace rossby
