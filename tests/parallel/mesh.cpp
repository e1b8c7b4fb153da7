// ranks: 1 2 4 6
#include <rossby/comm/agree.hpp>
#include <rossby/core/error.hpp>
#include <rossby/parallel.hpp>
#include <support/small_model.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

TEST(Mesh, RanksOfOneSampleAreNeighbours)
{
  auto const world = Communicator::world();
  for (int rows = 1; rows <= world.size(); ++rows)
    for (int columns = 1; rows * columns <= world.size(); ++columns) {
      if (world.size() % (rows * columns) != 0)
        continue;
      ParallelismConfig config;
      config.domain = {rows, columns};
      Mesh const mesh(world, config);
      int const tiles = rows * columns;
      EXPECT_EQ(mesh.spatial.size(), tiles);
      EXPECT_EQ(mesh.spatial.rank(), world.rank() % tiles);
      EXPECT_EQ(mesh.data.size(), world.size() / tiles);
      EXPECT_EQ(mesh.data.rank(), world.rank() / tiles);
      // Groups reach whom they should: the sums of world ranks say so.
      double over_tiles = world.rank(), over_samples = world.rank();
      mesh.spatial.all_reduce_sum(&over_tiles, 1);
      mesh.data.all_reduce_sum(&over_samples, 1);
      int const first = world.rank() / tiles * tiles, copies = world.size() / tiles;
      EXPECT_EQ(over_tiles, tiles * first + tiles * (tiles - 1) / 2);
      EXPECT_EQ(over_samples, copies * (world.rank() % tiles) + tiles * copies * (copies - 1) / 2);
    }
}

TEST(Mesh, RefusesWorldsThatDoNotDivide)
{
  auto const world = Communicator::world();
  ParallelismConfig config;
  config.tensor = world.size() + 1;
  EXPECT_THROW(Mesh(world, config), Error);
}

TEST(Mesh, StoredElementsAreKnownAhead)
{
  auto const world = Communicator::world();
  auto config = test::small_model();
  config.dim_head = 2;
  for (auto const data : {ParallelismConfig::Data::ddp, ParallelismConfig::Data::fsdp2})
    for (int tensor = 1; tensor <= std::min(world.size(), 4); tensor *= 2) {
      if (world.size() % tensor != 0)
        continue;
      ParallelismConfig parallelism;
      parallelism.data = data;
      parallelism.tensor = tensor;
      parallelism.domain = {world.size() / tensor, 1};
      auto const model = make_model(config);
      parallelise(*model, build_device_mesh(parallelism, world), parallelism);
      model->allocate(Exec(), DType::float32, 1);
      index_t stored = 0;
      for (auto const& p : model->parameters().all())
        stored += p.value().size();
      auto const ahead = stored_elements(model->parameters(), parallelism, world.size());
      EXPECT_EQ(stored, ahead.at(static_cast<std::size_t>(world.rank())).parameters);
    }
}

TEST(Agree, NobodyThrowsWhenNobodyFails) { EXPECT_NO_THROW(agree(Communicator::world(), std::nullopt)); }

TEST(Agree, RanksThatDifferFromTheFirstAreNamed)
{
  auto const world = Communicator::world();
  EXPECT_NO_THROW(expect_same(world, "x.yml", "deck", "a: 1", ""));
  if (world.size() == 1)
    return;
  std::string const last = std::to_string(world.size() - 1), all = std::to_string(world.size());
  try {
    expect_same(world, "x.yml", "deck", world.rank() == world.size() - 1 ? "a: 2" : "a: 1", "mend it");
    ADD_FAILURE() << "no error on rank " << world.rank();
  } catch (Error const& e) {
    EXPECT_EQ(e.where(), "x.yml");
    EXPECT_EQ(e.problem(), "rank " + last + " of " + all + " has another deck than rank 0");
    EXPECT_EQ(e.fix(), "mend it");
  }
  try {
    expect_same(world, "rossby", "version", world.rank() == world.size() - 1 ? "2" : "1", "", Quote::both);
    ADD_FAILURE() << "no error on rank " << world.rank();
  } catch (Error const& e) {
    EXPECT_EQ(e.problem(), "rank " + last + " of " + all + " has another version than rank 0: 2, not 1");
  }
  std::string others;
  for (int r = 1; r < world.size(); ++r)
    others += (r > 1 ? ", " : "") + std::to_string(r);
  try {
    expect_same(world, "rossby", "version", std::to_string(std::min(world.rank(), 1)), "");
    ADD_FAILURE() << "no error on rank " << world.rank();
  } catch (Error const& e) {
    EXPECT_EQ(e.problem().find(world.size() == 2 ? "rank 1 of 2 has" : "ranks " + others + " of " + all + " have"), 0u)
        << e.problem();
  }
}

TEST(Agree, EveryRankThrowsTheLowestRanksError)
{
  auto const world = Communicator::world();
  int const culprit = world.size() / 2;
  try {
    collectively(world, [&] {
      if (world.rank() >= culprit)
        fail("file " + std::to_string(world.rank()), "", world.rank() == culprit ? "mend it" : "");
    });
    ADD_FAILURE() << "no error on rank " << world.rank();
  } catch (Error const& e) {
    EXPECT_EQ(e.where(), "file " + std::to_string(culprit));
    EXPECT_EQ(e.problem(), "");
    EXPECT_EQ(e.fix(), "mend it");
  }
  int runs = 0;
  on_first_rank(world, [&] { ++runs; });
  EXPECT_EQ(runs, world.rank() == 0 ? 1 : 0);
}

} // namespace
} // namespace rossby
