#include "physics_file.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <cmath>

namespace rossby {

namespace {
constexpr double earth_radius = 6371000; // m

/// d/di of a list that `at` gives, as numpy.gradient with edge_order 2.
template <class At> double gradient(At const& at, std::size_t i, std::size_t n)
{
  if (i == 0)
    return (-3 * at(0) + 4 * at(1) - at(2)) / 2;
  if (i + 1 == n)
    return (3 * at(n - 1) - 4 * at(n - 2) + at(n - 3)) / 2;
  return (at(i + 1) - at(i - 1)) / 2;
}

std::vector<double> finite(std::vector<double> values, std::string const& where)
{
  for (double const v : values)
    if (!std::isfinite(v))
      fail(where, "holds missing or non-finite values", "fill them");
  return values;
}
} // namespace

PhysicsFile::PhysicsFile(std::string const& path, std::string const& longitude, std::string const& latitude,
                         Grid const& grid)
    : reader_(path)
{
  auto const &lat = reader_.variable(latitude), &lon = reader_.variable(longitude);
  bool const axes = lat.shape.size() == 1 && lon.shape.size() == 1;
  if (!axes && (lat.shape.size() != 2 || lon.shape != lat.shape))
    fail(fmt::format("{}, variables {} and {}", path, latitude, longitude),
         fmt::format("have shapes {} and {}", to_string(lat.shape), to_string(lon.shape)),
         "give both as (latitude, longitude), or one axis each");
  rows_ = static_cast<std::size_t>(lat.shape[0]);
  columns_ = static_cast<std::size_t>(axes ? lon.shape[0] : lat.shape[1]);
  latitude_ = reader_.read(latitude);
  longitude_ = reader_.read(longitude);
  if (axes) {
    std::vector<double> lat2(rows_ * columns_), lon2(rows_ * columns_);
    for (std::size_t i = 0; i < lat2.size(); ++i) {
      lat2[i] = latitude_[i / columns_];
      lon2[i] = longitude_[i % columns_];
    }
    latitude_ = std::move(lat2);
    longitude_ = std::move(lon2);
  }
  if (rows_ != grid.latitude.size() || columns_ != grid.longitude.size())
    fail(path,
         fmt::format("is on a grid of {} x {} cells, the data on one of {} x {}", rows_, columns_, grid.height(),
                     grid.width()),
         "name the physics file of this grid");
  if (rows_ < 3 || columns_ < 3)
    fail(path, "areas need at least three rows and columns");
  constexpr double tolerance = 2e-3; // degrees; files hold float32
  auto const find = [&](double wanted, std::size_t n, auto const& value, bool round, char const* what) {
    for (std::size_t i = 0; i < n; ++i)
      if (std::fabs(round ? std::remainder(value(i) - wanted, 360.0) : value(i) - wanted) < tolerance)
        return i;
    fail(path, fmt::format("has no {} {:g}, which the data have", what, wanted), "name the physics file of this grid");
  };
  for (double const wanted : grid.latitude)
    row_of_.push_back(find(
        wanted, rows_, [&](std::size_t i) { return latitude_[i * columns_]; }, false, "latitude"));
  for (double const wanted : grid.longitude)
    column_of_.push_back(find(
        wanted, columns_, [&](std::size_t j) { return longitude_[j]; }, true, "longitude"));
}

std::vector<double> PhysicsFile::on_grid(std::vector<double> const& values) const
{
  std::vector<double> result;
  result.reserve(values.size());
  for (auto const row : row_of_)
    for (auto const column : column_of_)
      result.push_back(values[row * columns_ + column]);
  return result;
}

std::vector<double> PhysicsFile::field(std::string const& name) const
{
  auto shape = reader_.variable(name).shape;
  while (shape.size() > 2 && shape.front() == 1) // a time of its own
    shape.erase(shape.begin());
  std::string const where = fmt::format("{}, variable {}", reader_.file(), name);
  if (shape != Shape{static_cast<index_t>(rows_), static_cast<index_t>(columns_)})
    fail(where, fmt::format("has shape {}", to_string(shape)), "it must be one field (latitude, longitude)");
  return on_grid(finite(reader_.read(name), where));
}

std::vector<double> PhysicsFile::field_at(std::string const& name, index_t position) const
{
  auto const& shape = reader_.variable(name).shape;
  auto const rows = static_cast<index_t>(rows_), columns = static_cast<index_t>(columns_);
  if (shape.size() != 3)
    return field(name);
  std::string const where = fmt::format("{}, variable {}", reader_.file(), name);
  if (shape[1] != rows || shape[2] != columns)
    fail(where, fmt::format("has shape {}", to_string(shape)), "its last axes must be latitude and longitude");
  if (position >= shape[0])
    fail(where, fmt::format("has {} fields, of which number {} is wanted", shape[0], position));
  return on_grid(finite(reader_.read(name, {position, 0, 0}, {1, rows, columns}), where));
}

std::vector<double> PhysicsFile::list(std::string const& name) const
{
  auto const& info = reader_.variable(name);
  if (info.shape.size() != 1)
    fail(fmt::format("{}, variable {}", reader_.file(), name), fmt::format("has shape {}", to_string(info.shape)),
         "it must be a list by level");
  return reader_.read(name);
}

std::vector<double> PhysicsFile::areas() const
{
  double const pi = std::acos(-1.0), degree = pi / 180;
  std::vector<double> result(rows_ * columns_);
  for (std::size_t i = 0; i < rows_; ++i)
    for (std::size_t j = 0; j < columns_; ++j) {
      double const d_sine =
          gradient([&](std::size_t k) { return std::sin(latitude_[k * columns_ + j] * degree); }, i, rows_);
      double d_lambda = gradient([&](std::size_t k) { return longitude_[i * columns_ + k] * degree; }, j, columns_);
      d_lambda -= 2 * pi * std::floor((d_lambda + pi) / (2 * pi));
      result[i * columns_ + j] = std::fabs(earth_radius * earth_radius * d_sine * d_lambda);
    }
  return on_grid(result);
}

std::vector<double> level_weights(std::vector<double> const& c, bool midpoint)
{
  std::vector<double> weights;
  std::size_t const n = c.size();
  if (midpoint)
    for (std::size_t k = 0; k + 1 < n; ++k)
      weights.push_back(c[k + 1] - c[k]);
  else
    for (std::size_t k = 0; k < n; ++k)
      weights.push_back(((k + 1 < n ? c[k + 1] - c[k] : 0) + (k > 0 ? c[k] - c[k - 1] : 0)) / 2);
  return weights;
}

} // namespace rossby
