// ranks: 1 2 3
#include <rossby/io/netcdf.hpp>

#include <gtest/gtest.h>

#include <filesystem>

namespace rossby::io {
namespace {

TEST(ParallelNetcdf, EachRankWritesAndReadsItsRows)
{
  Communicator const world = Communicator::world();
  index_t const ranks = world.size(), rank = world.rank(), rows = 2 * ranks + 1;
  std::string const file =
      (std::filesystem::temp_directory_path() / ("rossby_parallel" + std::to_string(ranks) + ".nc")).string();
  {
    NetcdfWriter w(file, world);
    w.dimension("time", 0);
    w.dimension("y", rows);
    w.dimension("x", 4);
    w.variable("v", NetcdfType::float32, {"time", "y", "x"}, {4, true, true, {}});
    // The last rank has three rows, in the second record none.
    index_t const first = 2 * rank, count = rank + 1 == ranks ? 3 : 2;
    std::vector<float> mine(static_cast<std::size_t>(count * 4), static_cast<float>(rank));
    w.write("v", {0, first, 0}, {1, count, 4}, mine);
    index_t const second = rank + 1 == ranks && ranks > 1 ? 0 : rank + 2 == ranks ? count + 3 : count;
    mine.assign(static_cast<std::size_t>(second * 4), 10 + static_cast<float>(rank));
    w.write("v", {1, second == 0 ? 0 : first, 0}, {1, second, 4}, mine);
    w.close();
  }
  NetcdfReader r(file, world);
  auto const v = r.read("v", {0, rows - 1, 3}, {2, 1, 1});
  EXPECT_EQ(v[0], static_cast<double>(ranks - 1));
  EXPECT_EQ(v[1], static_cast<double>(ranks > 1 ? ranks + 8 : 10));
  world.barrier();
  if (rank == 0)
    std::filesystem::remove(file);
}

} // namespace
} // namespace rossby::io
