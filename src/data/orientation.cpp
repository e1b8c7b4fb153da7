#include "orientation.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

/// Coordinates in 32-bit numbers are this precise, degrees.
constexpr double precision = 1e-3;

void expect_degrees(std::vector<double> const& values, double most, char const* what, std::string const& where)
{
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(std::fabs(values[i]) <= most))
      fail(where,
           fmt::format("{} {} is {:g}, which does not lie from {:g} to {:g} degrees", what, i, values[i], -most, most),
           "repair the file's coordinates");
}

/// The angle from `a` to `b` eastwards, from 0 to 360.
double eastwards(double a, double b)
{
  double const east = std::fmod(b - a, 360);
  return east < 0 ? east + 360 : east;
}

} // namespace

void orient_rows(std::vector<double> const& latitude, std::string const& where, Orientation& o)
{
  expect_degrees(latitude, 90 + precision, "latitude", where);
  bool const rises = latitude.size() > 1 && latitude[1] > latitude[0];
  for (std::size_t i = 1; i < latitude.size(); ++i)
    if (!(rises ? latitude[i] > latitude[i - 1] : latitude[i] < latitude[i - 1]))
      fail(where, fmt::format("latitudes are not monotonic at index {}", i), "sort the file's rows");
  o.flip = rises;
  o.height = static_cast<index_t>(latitude.size());
  o.grid.latitude = latitude;
  if (rises)
    std::reverse(o.grid.latitude.begin(), o.grid.latitude.end());
}

void orient_columns(std::vector<double> file, double first, bool drop_repeated, std::string const& where,
                    Orientation& o)
{
  expect_degrees(file, 720, "longitude", where);
  // One rising sequence: from 180 to -180 and from 360 to 0 the next turn begins.
  for (std::size_t i = 1; i < file.size(); ++i) {
    if (file[i] <= file[i - 1] - 180)
      file[i] = file[i - 1] + eastwards(file[i - 1], file[i]);
    if (!(file[i] > file[i - 1]))
      fail(where, fmt::format("longitudes do not rise at index {}", i), "reorder the file's columns eastwards");
  }
  if (file.size() > 1 && std::fabs(file.back() - file.front() - 360) < precision) {
    if (!drop_repeated)
      fail(where, fmt::format("the last column ({:g}) is the first ({:g}) again", file.back(), file.front()),
           "leave it out with repeated_meridian: drop, or remove it from the file");
    file.pop_back();
  }
  auto const n = file.size();
  o.width = static_cast<index_t>(n);
  if (n > 1 && file.back() - file.front() > 360)
    fail(where,
         fmt::format("the columns go round more than a whole circle: from {:g} to {:g}", file.front(), file.back()),
         "cut the file to one circle");
  double const spacing = n > 1 ? (file[n - 1] - file[0]) / static_cast<double>(n - 1) : 360;
  if (std::fabs(spacing * static_cast<double>(n) - 360) > 0.5 * spacing) {
    o.grid.longitude = file;
    return;
  }
  double best = 1e9;
  for (std::size_t i = 0; i < n; ++i) {
    double east = eastwards(first, file[i]);
    east = east > 360 - 1e-4 ? east - 360 : east;
    if (east < best)
      best = east, o.shift = static_cast<index_t>(i);
  }
  double const start = file[static_cast<std::size_t>(o.shift)];
  for (std::size_t c = 0; c < n; ++c)
    o.grid.longitude.push_back(first + best + eastwards(start, file[(c + static_cast<std::size_t>(o.shift)) % n]));
}

} // namespace rossby
