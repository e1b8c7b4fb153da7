// A variable's dimensions are told apart by FileAxes; what is read of it is a box: one record, some levels, and the
// cells of a tile. The tile's rows are one run of the file's rows, read as they lie and turned in memory; its columns
// are one run, or two where the tile crosses the file's seam; levels that are neighbours in the file come in one read.
#include "field_file.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

/// Longer time axes and coordinates are those of damaged or hostile files.
constexpr index_t most_times = index_t{1} << 25, most_cells = index_t{1} << 20;

} // namespace

FieldFile::FieldFile(io::ArrayReader reader, SourceConfig const& source)
    : reader_(std::move(reader)), source_(&source), axes_(reader_, source)
{
  read_times();
}

void FieldFile::read_times()
{
  std::string const& coordinate = axes_.time();
  if (coordinate.empty())
    return;
  std::string const where = fmt::format("{}, variable {}", reader_.file(), coordinate);
  auto const& v = reader_.variable(coordinate);
  if (!v.shape.empty() && v.shape[0] > most_times)
    fail(where, fmt::format("has {} time stamps, more than {}", v.shape[0], most_times), "repair the file");
  auto const units = reader_.text(coordinate, "units");
  if (!units)
    fail(where, "has no units, so its times can't be understood", "set units such as 'hours since 1900-01-01 00:00'");
  std::string const said = reader_.text(coordinate, "calendar").value_or("");
  Calendar const calendar =
      source_->calendar ? *source_->calendar : parse_calendar(said.empty() ? "standard" : said, where);
  Calendar const clock = source_->clock;
  // Dates carry over from one calendar to another where the other has them: ERA5 beside a model without leap days, and
  // climatologies, which stand for any year.
  bool const same = calendar == clock;
  bool const by_date = source_->temporal_mode == TemporalMode::cyclic ||
                       (is_gregorian(calendar) && is_gregorian(clock)) ||
                       (is_gregorian(calendar) && clock != Calendar::days_360);
  if (!same && !by_date)
    fail(where, fmt::format("has the calendar {}, but the run's is {}", name_of(calendar), name_of(clock)),
         "bring all sources to one calendar, or name the right one: data.calendar, or calendar of the source");
  TimeUnits const decode(*units, calendar, where);
  auto const stamps = reader_.read(coordinate);
  for (std::size_t i = 0; i < stamps.size(); ++i) {
    if (!std::isfinite(stamps[i]))
      fail(where, fmt::format("time stamp {} is missing or not finite", i));
    Time t = decode.decode(stamps[i]);
    if (!same) {
      Date const date = date_of(t, calendar);
      if (!has_day(date, clock))
        continue;
      t = time_of(date, clock);
    }
    if (!times_.empty() && t == times_.back())
      fail(where,
           fmt::format("time stamp {} occurs twice (indices {} and {})", format_time(t, clock), records_.back(), i),
           "remove the repeated record");
    if (!times_.empty() && t < times_.back())
      fail(where,
           fmt::format("time stamps are out of order: {} (index {}) comes after {}", format_time(t, clock), i,
                       format_time(times_.back(), clock)),
           "sort the file by time");
    times_.push_back(t);
    records_.push_back(static_cast<index_t>(i));
  }
}

Roles const& FieldFile::roles(std::string const& variable)
{
  auto const it = roles_.find(variable);
  return it != roles_.end() ? it->second : roles_.emplace(variable, axes_.roles_of(variable)).first->second;
}

LevelAxis const& FieldFile::levels(std::string const& variable)
{
  auto const it = levels_.find(variable);
  return it != levels_.end() ? it->second
                             : levels_.emplace(variable, axes_.levels_of(variable, roles(variable))).first->second;
}

index_t FieldFile::records(std::string const& variable)
{
  int const time = roles(variable).time;
  return time < 0 ? 1 : reader_.variable(variable).shape[static_cast<std::size_t>(time)];
}

Orientation const& FieldFile::orientation(std::string const& variable)
{
  Roles const& r = roles(variable);
  auto const& v = reader_.variable(variable);
  auto const row = static_cast<std::size_t>(r.row), col = static_cast<std::size_t>(r.col);
  std::pair<std::string, std::string> const axes{v.dimensions[row], v.dimensions[col]};
  if (auto const it = orientations_.find(axes); it != orientations_.end())
    return it->second;
  if (v.shape[row] > most_cells || v.shape[col] > most_cells)
    fail(fmt::format("{}, variable {}", path(), variable),
         fmt::format("has {} x {} cells, more than {} on a side", v.shape[row], v.shape[col], most_cells),
         "repair the file");
  Orientation o;
  o.height = v.shape[row], o.width = v.shape[col];
  auto const read = [&](std::string const& coordinate) {
    if (auto const units = reader_.text(coordinate, "units").value_or(""); units.rfind("radian", 0) == 0)
      fail(fmt::format("{}, variable {}", path(), coordinate), "is in radians",
           "give latitudes and longitudes in degrees");
    return reader_.read(coordinate);
  };
  if (std::string const lat = axes_.latitude_along(axes.first); !lat.empty())
    orient_rows(read(lat), fmt::format("{}, variable {}", path(), lat), o);
  if (std::string const lon = axes_.longitude_along(axes.second); !lon.empty())
    orient_columns(read(lon), source_->first_longitude, source_->drop_repeated_meridian,
                   fmt::format("{}, variable {}", path(), lon), o);
  return orientations_.emplace(axes, std::move(o)).first->second;
}

std::vector<FieldFile::Piece> FieldFile::pieces(std::string const& name, index_t time,
                                                std::vector<index_t> const& levels, Box const& box,
                                                Orientation const& o)
{
  Roles const& r = roles(name);
  auto const& v = reader_.variable(name);
  auto const row_axis = static_cast<std::size_t>(r.row), col_axis = static_cast<std::size_t>(r.col);
  Piece piece;
  piece.start = r.place;
  piece.count.assign(v.shape.size(), 1);
  if (r.time >= 0)
    piece.start[static_cast<std::size_t>(r.time)] = records_.at(static_cast<std::size_t>(time));
  piece.start[row_axis] = o.flip ? o.height - box.row1 : box.row0;
  piece.count[row_axis] = box.rows();
  bool const level_is_slower = r.level < std::min(r.row, r.col);
  std::vector<Piece> result;
  for (index_t c = box.col0; c < box.col1; c += piece.cols) {
    index_t const file_col = (c + o.shift) % o.width;
    piece.col = c;
    piece.cols = std::min(box.col1 - c, o.width - file_col);
    piece.start[col_axis] = file_col;
    piece.count[col_axis] = piece.cols;
    for (piece.first_level = 0; piece.first_level < levels.size(); piece.first_level += piece.levels) {
      index_t const first = levels[piece.first_level];
      piece.levels = 1;
      while (level_is_slower && piece.first_level + piece.levels < levels.size() &&
             levels[piece.first_level + piece.levels] == first + static_cast<index_t>(piece.levels))
        ++piece.levels;
      if (r.level >= 0) {
        piece.start[static_cast<std::size_t>(r.level)] = first;
        piece.count[static_cast<std::size_t>(r.level)] = static_cast<index_t>(piece.levels);
      }
      result.push_back(piece);
    }
  }
  return result;
}

void FieldFile::read(std::string const& name, index_t time, std::vector<index_t> const& levels, Box const& box,
                     Orientation const& o, std::vector<double>& out)
{
  std::size_t const before = out.size();
  out.resize(before + levels.size() * static_cast<std::size_t>(box.cells()));
  if (box.empty())
    return;
  Roles const& r = roles(name);
  for (auto const& piece : pieces(name, time, levels, box, o)) {
    auto const values = reader_.read(name, piece.start, piece.count);
    bool const rows_slower = r.row < r.col;
    index_t const row_stride = rows_slower ? piece.cols : 1, col_stride = rows_slower ? 1 : box.rows();
    for (std::size_t k = 0; k < piece.levels; ++k) {
      double const* const from = values.data() + k * static_cast<std::size_t>(box.rows() * piece.cols);
      double* const to = out.data() + before + (piece.first_level + k) * static_cast<std::size_t>(box.cells());
      for (index_t i = 0; i < box.rows(); ++i) {
        index_t const file_row = o.flip ? box.rows() - 1 - i : i;
        double* const row = to + i * box.cols() + piece.col - box.col0;
        if (col_stride == 1)
          std::copy_n(from + file_row * row_stride, piece.cols, row);
        else
          for (index_t c = 0; c < piece.cols; ++c)
            row[c] = from[file_row * row_stride + c * col_stride];
      }
    }
  }
}

std::string FieldFile::why_missing(std::string const& name, index_t time, std::vector<index_t> const& levels,
                                   Box const& box, Orientation const& o)
{
  std::string reasons;
  if (!box.empty())
    for (auto const& piece : pieces(name, time, levels, box, o))
      if (auto const reason = reader_.why_missing(name, piece.start, piece.count); !reason.empty())
        reasons += (reasons.empty() ? "" : "; ") + reason;
  return reasons;
}

} // namespace rossby
