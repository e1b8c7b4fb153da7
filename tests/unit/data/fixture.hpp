#pragma once
// A small world of made-up data: 6 x 8 cells, six-hourly, in two yearly files that run from south to north and from
// 90E, plus a static file on the model's own grid.

#include "data/plan.hpp"
#include "io/netcdf.hpp"
#include <rossby/core/deck.hpp>
#include <rossby/data/dataset.hpp>
#include <rossby/models/field_shape.hpp>
#include <support/messages.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace rossby::test {

constexpr index_t rows = 6, cols = 8;

inline double latitude(index_t row) { return 75 - 30.0 * static_cast<double>(row); } // of model rows
inline double longitude(index_t col) { return 45.0 * static_cast<double>(col); }

/// What the files hold, at model row and column.
inline double wind(Time t, int level, index_t row, index_t col)
{
  return 100 * level + static_cast<double>(10 * row + col) + 1e-3 * static_cast<double>(t / 3600 % 8766);
}
inline double pressure(Time t, index_t row, index_t col) { return 1e5 + wind(t, 3, row, col); }
inline double height(index_t row, index_t col) { return static_cast<double>(row * cols + col); }

using Change = std::function<void(io::NetcdfWriter&)>;

class DataFolder {
public:
  DataFolder()
  {
    auto const* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              fmt::format("rossby_{}_{}", test->test_suite_name(), test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~DataFolder() { std::filesystem::remove_all(folder_); }

  std::string path(std::string const& name) const { return (folder_ / name).string(); }

  /// Steps of 6 h in [begin, end), times given in hours since 1990 plus `shift`; `order` permutes them.
  void write_year(std::string const& name, Time begin, Time end, std::vector<int> const& order = {},
                  double gap = -1) const
  {
    io::NetcdfWriter w(path(name));
    w.dimension("time", 0);
    w.dimension("level", 3);
    w.dimension("latitude", rows);
    w.dimension("longitude", cols);
    w.variable("time", io::NetcdfType::float64, {"time"});
    w.attribute("time", "units", "hours since 1990-01-01 00:00:00");
    w.variable("level", io::NetcdfType::float64, {"level"});
    w.variable("latitude", io::NetcdfType::float64, {"latitude"});
    w.attribute("latitude", "units", "degrees_north");
    w.variable("longitude", io::NetcdfType::float64, {"longitude"});
    w.attribute("longitude", "units", "degrees_east");
    w.variable("U", io::NetcdfType::float32, {"time", "level", "latitude", "longitude"}, {4});
    w.variable("SP", io::NetcdfType::float64, {"time", "latitude", "longitude"});
    w.attribute("SP", "_FillValue", -1);
    std::vector<double> times, u, sp;
    auto const n = static_cast<int>((end - begin) / 21600);
    for (int i = 0; i < n; ++i) {
      Time const t = begin + 21600 * (order.empty() ? i : order[static_cast<std::size_t>(i)]);
      times.push_back(static_cast<double>(t - time_of({1990, 1, 1})) / 3600);
      for (int l = 0; l < 3; ++l)
        each_file_cell([&](index_t r, index_t c) { u.push_back(wind(t, l, r, c)); });
      each_file_cell(
          [&](index_t r, index_t c) { sp.push_back(r == 2 && c == 3 && gap == i ? -1 : pressure(t, r, c)); });
    }
    w.write("time", times);
    w.write("level", {500, 850, 1000});
    std::vector<double> lat, lon;
    for (index_t r = rows - 1; r >= 0; --r)
      lat.push_back(latitude(r));
    for (index_t c = 0; c < cols; ++c)
      lon.push_back(90 + 45.0 * static_cast<double>(c)); // 90 ... 405
    w.write("latitude", lat);
    w.write("longitude", lon);
    w.write("U", u);
    w.write("SP", sp);
    w.close();
  }

  void write_static(std::string const& name, index_t height_of_grid = rows) const
  {
    io::NetcdfWriter w(path(name));
    w.dimension("lat", height_of_grid);
    w.dimension("lon", cols);
    w.variable("lat", io::NetcdfType::float32, {"lat"});
    w.variable("lon", io::NetcdfType::float32, {"lon"});
    w.variable("HGT", io::NetcdfType::float32, {"lat", "lon"});
    std::vector<double> lat, lon, h;
    for (index_t r = 0; r < height_of_grid; ++r)
      lat.push_back(latitude(r));
    for (index_t c = 0; c < cols; ++c)
      lon.push_back(longitude(c));
    for (index_t r = 0; r < height_of_grid; ++r)
      for (index_t c = 0; c < cols; ++c)
        h.push_back(height(r, c));
    w.write("lat", lat);
    w.write("lon", lon);
    w.write("HGT", h);
    w.close();
  }

  void write_all() const
  {
    write_year("era_1990.nc", time_of({1990, 12, 30}), time_of({1991, 1, 1}));
    write_year("era_1991.nc", time_of({1991, 1, 1}), time_of({1991, 1, 3}));
    write_static("static.nc");
  }

  std::string deck_text() const
  {
    return fmt::format(R"(
data:
  source:
    ERA5:
      dataset_type: local
      levels: [1000, 500]
      variables:
        prognostic: {{vars_3D: [U], vars_2D: [SP], path: {0}/era_%Y.nc}}
        static: {{vars_2D: [HGT], path: {0}/static.nc}}
    Sun:
      dataset_type: tisr
      num_integration_steps: 12
      offsets: [0, 1]
      variables:
        dynamic_forcing: {{vars_2D: [tisr]}}
  start_datetime: 1990-12-30 00:00
  end_datetime: 1991-01-02 18:00
  timestep: 6h
  history_len: 2
  forecast_len: 3
validation_data:
  start_datetime: 1991-01-01
  end_datetime: 1991-01-02 18:00
  timestep: 6h
  history_len: 2
  forecast_len: 1
preblocks:
  per_step:
    scaler:
      type: bridgescaler_transform
      args: {{scaler_path: {0}/scaler.json, variables: [ERA5/prognostic, Sun]}}
    concat: {{type: concat}}
postblocks:
  per_step:
    reconstruct: {{type: reconstruct, args: {{detach: false}}}}
    scaler: {{type: bridgescaler_transform, args: {{scaler_path: {0}/scaler.json, variables: [ERA5/prognostic]}}}}
    bounds: {{type: tracer_fixer, args: {{tracer_vars: [SP], tracer_thres: 90000}}}}
    twin: {{type: reconstruct, args: {{in_key: y, out_key: y_target_processed}}}}
    twin_scaler: {{type: bridgescaler_transform, args: {{scaler_path: {0}/scaler.json, key: y_target_processed}}}}
)",
                       folder_.string());
  }

  static FieldShape model()
  {
    FieldShape m;
    m.height = rows, m.width = cols;
    m.frames = 2, m.channels = 1, m.levels = 2, m.surface_channels = 1, m.input_only_channels = 3;
    return m;
  }

private:
  /// Cells in the file's order: rows south to north, columns from 90E, as model rows and columns.
  template <class F> static void each_file_cell(F&& f)
  {
    for (index_t r = rows - 1; r >= 0; --r)
      for (index_t c = 0; c < cols; ++c)
        f(r, (c + 2) % cols);
  }

  std::filesystem::path folder_;
};

inline DataPlan plan_of(std::string const& deck, DataPlan::Use use = DataPlan::Use::training,
                        FieldShape const& model = DataFolder::model())
{
  Problems problems;
  DataPlan plan = DataPlan::make(Deck::parse(deck), use, model, problems);
  problems.raise();
  return plan;
}

} // namespace rossby::test
