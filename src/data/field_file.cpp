#include "field_file.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/suggest.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace rossby {

namespace {

std::string lower(std::string text)
{
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool contains(std::vector<std::string> const& list, std::string const& word)
{
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Rows north first.
void orient_rows(std::vector<double> const& file, std::string const& where, Orientation& o)
{
  bool const rises = file.size() > 1 && file[1] > file[0];
  for (std::size_t i = 1; i < file.size(); ++i)
    if (!(rises ? file[i] > file[i - 1] : file[i] < file[i - 1]))
      fail(where, fmt::format("latitudes are not monotonic at index {}", i));
  o.flip = rises;
  o.grid.latitude = file;
  if (rises)
    std::reverse(o.grid.latitude.begin(), o.grid.latitude.end());
}

/// A whole circle is rolled so that column 0 is the first longitude at or east of `first`.
void orient_columns(std::vector<double> file, double first, std::string const& where, Orientation& o)
{
  auto const n = file.size();
  for (std::size_t i = 1; i < n; ++i) {
    while (file[i] <= file[i - 1] - 180) // from 180 to -180 or from 360 to 0
      file[i] += 360;
    if (!(file[i] > file[i - 1]))
      fail(where, fmt::format("longitudes do not rise at index {}", i), "reorder the file's columns eastwards");
  }
  double const spacing = n > 1 ? (file[n - 1] - file[0]) / static_cast<double>(n - 1) : 360;
  if (std::fabs(spacing * static_cast<double>(n) - 360) > 0.5 * spacing) {
    o.grid.longitude = file;
    return;
  }
  double best = 1e9;
  for (std::size_t i = 0; i < n; ++i) {
    double east = std::fmod(file[i] - first, 360);
    east = east < 0 ? east + 360 : east;
    east = east > 360 - 1e-4 ? east - 360 : east;
    if (east < best)
      best = east, o.shift = static_cast<index_t>(i);
  }
  double const start = file[static_cast<std::size_t>(o.shift)];
  for (std::size_t c = 0; c < n; ++c) {
    double east = file[(c + static_cast<std::size_t>(o.shift)) % n] - start;
    east = east < 0 ? east + 360 : east;
    o.grid.longitude.push_back(first + best + east);
  }
}

} // namespace

FieldFile::FieldFile(std::string const& path, SourceConfig const& source) : reader_(path), source_(&source)
{
  read_times();
}

std::string FieldFile::coordinate_of(std::string const& dimension, std::string const& preferred) const
{
  for (std::string const& name : {preferred, dimension})
    if (!name.empty() && reader_.has(name) && reader_.variable(name).dimensions == std::vector<std::string>{dimension})
      return name;
  return {};
}

struct FieldFile::Axis {
  std::vector<std::string> names;
  std::string standard_name, units;

  static Axis const& latitude()
  {
    static Axis const axis{{"latitude", "lat", "nlat", "y"}, "latitude", "north"};
    return axis;
  }
  static Axis const& longitude()
  {
    static Axis const axis{{"longitude", "lon", "nlon", "x"}, "longitude", "east"};
    return axis;
  }
};

std::string FieldFile::coordinate_of(std::string const& dimension, Axis const& axis) const
{
  for (auto const& v : reader_.variables()) {
    if (v.dimensions != std::vector<std::string>{dimension})
      continue;
    std::string const units = lower(reader_.text(v.name, "units").value_or(""));
    if (contains(axis.names, lower(v.name)) || reader_.text(v.name, "standard_name") == axis.standard_name ||
        units.rfind("degrees_" + axis.units, 0) == 0 || units.rfind("degree_" + axis.units, 0) == 0)
      return v.name;
  }
  return {};
}

bool FieldFile::lies_along(std::string const& dimension, Axis const& axis) const
{
  return contains(axis.names, lower(dimension)) || !coordinate_of(dimension, axis).empty();
}

void FieldFile::read_times()
{
  std::string coordinate;
  if (reader_.has(source_->time_coord) && reader_.variable(source_->time_coord).dimensions.size() == 1)
    coordinate = source_->time_coord;
  else
    for (auto const& v : reader_.variables())
      if (v.dimensions.size() == 1 && v.dimensions[0] == v.name &&
          reader_.text(v.name, "units").value_or("").find(" since ") != std::string::npos)
        coordinate = v.name;
  if (coordinate.empty())
    return;
  time_dimension_ = reader_.variable(coordinate).dimensions[0];
  std::string const where = fmt::format("{}, variable {}", reader_.file(), coordinate);
  auto const units = reader_.text(coordinate, "units");
  if (!units)
    fail(where, "has no units, so its times can't be understood", "set units such as 'hours since 1900-01-01 00:00'");
  std::string const calendar = source_->calendar.value_or(reader_.text(coordinate, "calendar").value_or("standard"));
  TimeUnits const decode(*units, lower(calendar), where);
  for (double const value : reader_.read(coordinate)) {
    if (!std::isfinite(value))
      fail(where, fmt::format("time stamp {} is missing or not finite", times_.size()));
    Time const t = decode.decode(value);
    if (!times_.empty() && t == times_.back())
      fail(where,
           fmt::format("time stamp {} occurs twice (indices {} and {})", format_time(t), times_.size() - 1,
                       times_.size()),
           "remove the repeated record");
    if (!times_.empty() && t < times_.back())
      fail(where,
           fmt::format("time stamps are out of order: {} (index {}) comes after {}", format_time(t), times_.size(),
                       format_time(times_.back())),
           "sort the file by time");
    times_.push_back(t);
  }
}

FieldFile::Layout FieldFile::layout(std::string const& name) const
{
  auto const& v = reader_.variable(name);
  auto const rank = static_cast<int>(v.dimensions.size());
  std::string const where = fmt::format("{}, variable {}", reader_.file(), name);
  Layout l;
  for (int d = 0; d < rank; ++d) {
    auto const& dim = v.dimensions[static_cast<std::size_t>(d)];
    if (!time_dimension_.empty() && dim == time_dimension_)
      l.time = d;
    else if (lies_along(dim, Axis::latitude()))
      l.row = d;
    else if (lies_along(dim, Axis::longitude()))
      l.col = d;
  }
  if (l.row < 0 && l.col < 0 && rank >= 2 && l.time < rank - 2)
    l.row = rank - 2, l.col = rank - 1;
  if (l.row < 0 || l.col < 0)
    fail(where,
         fmt::format("has dimensions ({}), among which latitude and longitude are not found", join(v.dimensions)),
         "fields must lie on a regular latitude-longitude grid: (time, level, latitude, longitude)");
  bool const named = reader_.has(source_->level_coord) && reader_.variable(source_->level_coord).dimensions.size() == 1;
  std::string const level_dimension =
      named ? reader_.variable(source_->level_coord).dimensions[0] : source_->level_coord;
  for (int d = 0; d < rank; ++d) {
    if (d == l.time || d == l.row || d == l.col)
      continue;
    auto const i = static_cast<std::size_t>(d);
    bool const is_level = v.dimensions[i] == level_dimension;
    if (is_level || (l.level < 0 && v.shape[i] > 1))
      l.level = d;
    else if (v.shape[i] == 1)
      l.single.push_back(d);
    else
      fail(where,
           fmt::format("has dimensions ({}); {} is none of time, level, latitude, longitude", join(v.dimensions),
                       v.dimensions[i]),
           fmt::format("name the coordinates under {}: level_coord, time_coord", source_->deck_key));
  }
  return l;
}

std::vector<double> FieldFile::levels(std::string const& variable) const
{
  Layout const l = layout(variable);
  if (l.level < 0)
    return {0};
  auto const& v = reader_.variable(variable);
  auto const i = static_cast<std::size_t>(l.level);
  std::string const coordinate = coordinate_of(v.dimensions[i], source_->level_coord);
  if (!coordinate.empty())
    return reader_.read(coordinate);
  std::vector<double> values(static_cast<std::size_t>(v.shape[i]));
  for (std::size_t k = 0; k < values.size(); ++k)
    values[k] = static_cast<double>(k);
  return values;
}

std::pair<index_t, index_t> FieldFile::horizontal_shape(std::string const& variable) const
{
  Layout const l = layout(variable);
  auto const& shape = reader_.variable(variable).shape;
  return {shape[static_cast<std::size_t>(l.row)], shape[static_cast<std::size_t>(l.col)]};
}

Orientation const& FieldFile::orientation(std::string const& variable)
{
  Layout const l = layout(variable);
  auto const& dims = reader_.variable(variable).dimensions;
  std::pair<std::string, std::string> const axes{dims[static_cast<std::size_t>(l.row)],
                                                 dims[static_cast<std::size_t>(l.col)]};
  for (auto const& [names, o] : orientations_)
    if (names == axes)
      return o;
  Orientation o;
  std::string const lat = coordinate_of(axes.first, Axis::latitude()),
                    lon = coordinate_of(axes.second, Axis::longitude());
  if (!lat.empty() && !lon.empty()) {
    orient_rows(reader_.read(lat), fmt::format("{}, variable {}", path(), lat), o);
    orient_columns(reader_.read(lon), source_->first_longitude, fmt::format("{}, variable {}", path(), lon), o);
  }
  orientations_.emplace_back(axes, std::move(o));
  return orientations_.back().second;
}

void FieldFile::read(std::string const& name, index_t time, std::vector<index_t> const& levels, Box const& box,
                     std::vector<double>& out)
{
  Layout const l = layout(name);
  auto const& v = reader_.variable(name);
  Orientation const& o = orientation(name);
  auto const [height, width] = horizontal_shape(name);
  auto const row_axis = static_cast<std::size_t>(l.row), col_axis = static_cast<std::size_t>(l.col);
  std::size_t const before = out.size();
  out.resize(before + levels.size() * static_cast<std::size_t>(box.cells()));
  if (box.empty())
    return;

  Shape start(v.shape.size(), 0), count(v.shape.size(), 1);
  if (l.time >= 0)
    start[static_cast<std::size_t>(l.time)] = time;
  start[row_axis] = o.flip ? height - box.row1 : box.row0;
  count[row_axis] = box.rows();
  bool const level_is_slower = l.level < std::min(l.row, l.col);
  // Columns that are neighbours in the file: one piece, or two where the box crosses the file's seam.
  for (index_t c = box.col0; c < box.col1;) {
    index_t const file_col = (c + o.shift) % width, piece = std::min(box.col1 - c, width - file_col);
    start[col_axis] = file_col;
    count[col_axis] = piece;
    for (std::size_t first = 0; first < levels.size();) {
      std::size_t run = 1; // neighbouring levels in one read
      while (level_is_slower && first + run < levels.size() &&
             levels[first + run] == levels[first] + static_cast<index_t>(run))
        ++run;
      if (l.level >= 0) {
        start[static_cast<std::size_t>(l.level)] = levels[first];
        count[static_cast<std::size_t>(l.level)] = static_cast<index_t>(run);
      }
      auto const values = reader_.read(name, start, count);
      index_t const row_stride = l.row < l.col ? piece : 1, col_stride = l.row < l.col ? 1 : box.rows();
      for (std::size_t k = 0; k < run; ++k) {
        double const* const from = values.data() + k * static_cast<std::size_t>(box.rows() * piece);
        double* const to = out.data() + before + (first + k) * static_cast<std::size_t>(box.cells());
        for (index_t r = 0; r < box.rows(); ++r) {
          index_t const file_row = o.flip ? box.rows() - 1 - r : r;
          double* const row = to + r * box.cols() + c - box.col0;
          if (col_stride == 1)
            std::copy_n(from + file_row * row_stride, piece, row);
          else
            for (index_t i = 0; i < piece; ++i)
              row[i] = from[file_row * row_stride + i * col_stride];
        }
      }
      first += run;
    }
    c += piece;
  }
}

} // namespace rossby
