// ranks: 1 2 3
// Files written by all ranks together, each its box, hold what one rank would have written.
#include "io/hdf5.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {
using namespace rossby;
using io::Hdf5File;

TEST(ParallelHdf5, RanksWriteAndReadTheirRows)
{
  auto const world = Communicator::world();
  index_t const rows = 7, cols = 5;
  std::string const path =
      (std::filesystem::temp_directory_path() / ("rossby_parallel_" + std::to_string(world.size()) + ".h5")).string();
  // Uneven parts: none on the first of several ranks, the rest on the last.
  auto const start = [&](int rank) { return rank == 0 ? 0 : rank == world.size() ? rows : index_t{2} * (rank - 1); };
  index_t const first = start(world.rank()), last = start(world.rank() + 1);
  std::vector<double> mine;
  for (index_t i = first * cols; i < last * cols; ++i)
    mine.push_back(0.5 * static_cast<double>(i));
  for (DType const type : {DType::float64, DType::float32}) {
    {
      auto f = Hdf5File::create(path, world);
      f.write("/field", type, {rows, cols}, mine, {{first, 0}, {last - first, cols}});
      f.write("/same", type, {2}, {1, 2});
      f.write("/empty", type, {0}, {});
      f.write("/no_rows", type, {0, 3}, {}, {{0, 0}, {0, 3}});
      f.write_text("/note", "written together");
      f.write_attribute("/field", "ranks", std::int64_t{world.size()});
      f.close();
    }
    auto const together = Hdf5File::open_read(path, world);
    EXPECT_EQ(together.read("/field", {{first, 0}, {last - first, cols}}), mine);
    EXPECT_EQ(together.read("/same"), (std::vector<double>{1, 2}));
    EXPECT_TRUE(together.read("/empty").empty());
    EXPECT_EQ(together.shape("/no_rows"), (Shape{0, 3}));
    EXPECT_EQ(together.read_text("/note"), "written together");
    auto const alone = Hdf5File::open_read(path);
    auto const all = alone.read("/field");
    ASSERT_EQ(all.size(), 35u);
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(all[i], 0.5 * static_cast<double>(i));
    EXPECT_EQ(alone.read_int_attribute("/field", "ranks"), world.size());
    world.barrier();
  }
  if (world.rank() == 0)
    std::filesystem::remove(path);
}

/// One rank lays the file out, each fills in its own on its own: two bands of rows, a block of columns, nothing.
TEST(ParallelHdf5, RanksFillInBoxes)
{
  auto const world = Communicator::world();
  index_t const ranks = world.size(), band = 2, rows = 2 * band * ranks, cols = 3;
  std::string const path =
      (std::filesystem::temp_directory_path() / ("rossby_filled_" + std::to_string(world.size()) + ".h5")).string();
  if (world.rank() == 0) {
    auto f = Hdf5File::create(path);
    f.make_dataset("/a/rows", DType::float32, {rows, cols});
    f.make_dataset("/a/columns", DType::float64, {cols, ranks});
    f.make_dataset("/one", DType::float64, {});
    f.close();
  }
  world.barrier();
  auto const number = [](index_t row, index_t col, index_t width) {
    return 0.5 * static_cast<double>(row * width + col);
  };
  index_t const me = world.rank(), second = band * (ranks + me);
  std::vector<io::Hyperslab> const mine{{{second, 0}, {band, cols}}, {{band * me, 0}, {band, cols}}};
  std::vector<double> values, column;
  for (index_t const first : {band * me, second}) // in the order of the dataset, whatever that of the boxes
    for (index_t row = first; row < first + band; ++row)
      for (index_t col = 0; col < cols; ++col)
        values.push_back(number(row, col, cols));
  for (index_t row = 0; row < cols; ++row)
    column.push_back(number(row, me, ranks));
  {
    auto f = Hdf5File::open_fill(path, world);
    f.fill("/a/rows", values, mine);
    f.fill("/a/columns", column, {{{0, me}, {cols, 1}}});
    if (me == 0) {
      f.fill("/one", {7}, {{{}, {}}});
    } else {
      f.fill("/a/rows", {}, {});
    }
    f.close();
  }
  auto const f = Hdf5File::open_read(path);
  EXPECT_EQ(f.read_boxes("/a/rows", mine), values);
  auto const all = f.read("/a/rows"), square = f.read("/a/columns");
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i], 0.5 * static_cast<double>(i));
  for (std::size_t i = 0; i < square.size(); ++i)
    EXPECT_EQ(square[i], 0.5 * static_cast<double>(i));
  EXPECT_EQ(f.read("/one"), std::vector<double>{7});
  world.barrier();
  if (world.rank() == 0)
    std::filesystem::remove(path);
}
} // namespace
