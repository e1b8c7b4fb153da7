// ranks: 1 2 3
// Forecast files of several ranks hold what every tile wrote, and a rank that can't write ends the writing of all.
#include "io/array_reader.hpp"
#include "train/forecast_writer.hpp"
#include <support/shared_folder.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <sys/resource.h>

namespace rossby {
namespace {

Grid made_grid()
{
  Grid grid;
  for (int r = 0; r < 24; ++r)
    grid.latitude.push_back(86.25 - 7.5 * r);
  for (int c = 0; c < 48; ++c)
    grid.longitude.push_back(7.5 * c);
  return grid;
}

struct ForecastFiles : ::testing::TestWithParam<char const*> {
  Communicator all = Communicator::world();
  test::SharedFolder const folder{"forecast"};
  std::string file = folder / "f.nc";
  Grid grid = made_grid();
  std::vector<ForecastVariable> variables;
  std::vector<Time> valid{3600, 7200, 10800};

  void SetUp() override
  {
    EncodingConfig encoding;
    std::string const how = GetParam();
    encoding.zlib = how == "compressed";
    encoding.fletcher32 = how == "summed";
    if (how == "chunked")
      encoding.chunksizes = {1, 2, 7, 5};
    if (zarr())
      file = folder / "f.zarr";
    variables.push_back({"wind", "a/wind", true, {500, 850, 1000}, {0, 1, 2}, encoding, {{"units", "m s-1"}}});
    encoding.dtype = DType::float64;
    encoding.chunksizes = {};
    variables.push_back({"rain", "a/rain", false, {}, {3}, encoding, {}});
  }

  static bool zarr() { return std::string(GetParam()) == "zarr"; }
  Box tile() const // of different widths
  {
    index_t const r = all.rank(), n = all.size();
    return {0, 24, 48 * r * r / (n * n), 48 * (r + 1) * (r + 1) / (n * n)};
  }
  static double value(std::size_t step, index_t channel, index_t row, index_t column)
  {
    return static_cast<double>(((static_cast<index_t>(step) * 4 + channel) * 100 + row) * 100 + column) / 8;
  }
  std::vector<double> state(std::size_t step) const
  {
    std::vector<double> values;
    for (index_t r = tile().row0; r < tile().row1; ++r)
      for (index_t c = tile().col0; c < tile().col1; ++c)
        for (index_t k = 0; k < 4; ++k)
          values.push_back(value(step, k, r, c));
    return values;
  }
  void write(std::function<void()> const& before_step = [] {})
  {
    ForecastWriter writer(file, variables, {grid, tile(), all}, 0, valid, "a test");
    for (std::size_t step = 0; step < valid.size(); ++step) {
      before_step();
      writer.write(state(step));
    }
    writer.close();
  }
};

TEST_P(ForecastFiles, HoldWhatEveryTileWrote)
{
  write();
  all.barrier();
  EXPECT_FALSE(std::filesystem::exists(file + ".tmp"));
  io::ArrayReader const in(file);
  EXPECT_EQ(in.read("latitude"), grid.latitude);
  EXPECT_EQ(in.read("lead_time"), (std::vector<double>{1, 2, 3}));
  auto const wind = in.read("wind"), rain = in.read("rain");
  ASSERT_EQ(in.variable("wind").shape, (Shape{3, 3, 24, 48}));
  std::vector<double> all_wind, all_rain;
  for (std::size_t step = 0; step < 3; ++step)
    for (index_t k = 0; k < 4; ++k)
      for (index_t r = 0; r < 24; ++r)
        for (index_t c = 0; c < 48; ++c)
          (k < 3 ? all_wind : all_rain).push_back(value(step, k, r, c));
  EXPECT_EQ(wind, all_wind);
  EXPECT_EQ(rain, all_rain);
}

/// A limit on the size of files stands for a full disk.
TEST_P(ForecastFiles, OfARankThatCanNotWriteEndAll)
{
  bool const by_parts = zarr() || (all.size() > 1 && std::string(GetParam()) == "plain");
  write();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  getrlimit(RLIMIT_FSIZE, &old);
  // When the first rank writes for all, netCDF keeps what it could not write until the process ends, and crashes on it
  // then; regression/full_disk.sh has that case.
  for (int full = by_parts ? 0 : 1; full < all.size(); ++full) {
    valid = std::vector<Time>(40, 7200); // longer than the good file
    std::string message;
    try {
      write([&] {
        rlimit const small{zarr() ? rlim_t{64} : rlim_t{16384}, old.rlim_max};
        if (all.rank() == full)
          setrlimit(RLIMIT_FSIZE, &small);
      });
    } catch (Error const& e) {
      message = e.what();
    }
    setrlimit(RLIMIT_FSIZE, &old);
    all.barrier();
    EXPECT_EQ(message.find(file) == 0, by_parts) << "rank " << full << " is full: " << message;
    EXPECT_FALSE(std::filesystem::exists(file + ".tmp"));
    EXPECT_EQ(io::ArrayReader(file).variable("rain").shape[0], by_parts ? 3 : 40) << "rank " << full << " is full";
  }
}

/// What only the first rank sees reaches all.
TEST_P(ForecastFiles, WithoutAFolderEndAll)
{
  int steps = 0;
  try {
    write([&] {
      all.barrier();
      if (all.rank() == 0 && ++steps == 3)
        std::filesystem::remove_all(folder.path());
    });
    ADD_FAILURE() << "nothing was thrown on rank " << all.rank();
  } catch (Error const& e) {
    EXPECT_EQ(e.where().find(file), 0u) << e.where();
  }
}

TEST_P(ForecastFiles, ThatFloat32CanNotHoldEndAll)
{
  ForecastWriter writer(file, variables, {grid, tile(), all}, 0, valid, "a test");
  auto values = state(0);
  if (all.rank() == all.size() - 1)
    values[0] = 1e39;
  EXPECT_THROW(writer.write(values), Error);
}

INSTANTIATE_TEST_SUITE_P(Encodings, ForecastFiles,
                         ::testing::Values("plain", "compressed", "summed", "chunked", "zarr"));

} // namespace
} // namespace rossby
