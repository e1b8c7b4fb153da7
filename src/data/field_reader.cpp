// Which record of which file a time is, and how a field lies on the run's grid.
//
// exact: the record whose stamp is nearest, in the file whose name covers the time or in the one before; it must lie
// within the source's tolerance (a minute, or less than half a step where steps are shorter) and nearer than half the
// distance to its neighbours. persist: the last record not later. cyclic: the same in the year that the files hold, and
// before the year's first record its last one.
#include "field_reader.hpp"

#include "data/levels.hpp"
#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

/// Handles kept open by a group; beyond that the one not used for longest is closed.
constexpr std::size_t most_open_files = 16;

/// The record nearest to `t`, or -1 where none is near enough to be meant.
index_t find_time(std::vector<Time> const& times, Time t, Duration tolerance)
{
  auto const after = std::lower_bound(times.begin(), times.end(), t);
  auto nearest = after;
  if (after == times.end() || (after != times.begin() && t - *std::prev(after) < *after - t))
    nearest = after == times.begin() ? times.end() : std::prev(after);
  if (nearest == times.end())
    return -1;
  Duration const distance = std::abs(*nearest - t);
  Duration gap = 2 * tolerance + 1;
  if (nearest != times.begin())
    gap = std::min(gap, *nearest - *std::prev(nearest));
  if (std::next(nearest) != times.end())
    gap = std::min(gap, *std::next(nearest) - *nearest);
  return distance <= tolerance && 2 * distance < gap ? nearest - times.begin() : -1;
}

/// "it has 44 from ... to ...; the neighbours are ..."
std::string describe_times(FieldFile const& file, Time t, Calendar calendar)
{
  auto const& times = file.times();
  if (times.empty())
    return "it has no time stamps at all";
  auto const after = std::lower_bound(times.begin(), times.end(), t);
  std::string has = fmt::format("it has {} from {} to {}", times.size(), format_time(times.front(), calendar),
                                format_time(times.back(), calendar));
  if (after != times.begin() && after != times.end())
    has += fmt::format("; the neighbours are {} and {}", format_time(*std::prev(after), calendar),
                       format_time(*after, calendar));
  return has;
}

std::string describe(Grid const& g)
{
  return g.latitude.empty() || g.longitude.empty()
             ? std::string("no coordinates")
             : fmt::format("{} x {} from {:g}N {:g}E to {:g}N {:g}E", g.height(), g.width(), g.latitude.front(),
                           g.longitude.front(), g.latitude.back(), g.longitude.back());
}

/// True without own values: nothing contradicts.
bool agrees(std::vector<double> const& own, std::vector<double> const& grid)
{
  if (own.empty())
    return true;
  if (own.size() != grid.size())
    return false;
  for (std::size_t i = 0; i < own.size(); ++i)
    if (!(std::fabs(own[i] - grid[i]) <= 2e-3))
      return false;
  return true;
}

} // namespace

FieldReader::FieldReader(SourceConfig const& source, FieldGroup const& group)
    : source_(&source), group_(&group), files_(group.path, group.deck_key, source.clock)
{
}

FieldFile& FieldReader::open(std::string const& path)
{
  auto const it = std::find_if(open_.begin(), open_.end(), [&](auto const& f) { return f->path() == path; });
  if (it != open_.end()) {
    open_.splice(open_.begin(), open_, it);
    return *open_.front();
  }
  open_.push_front(std::make_unique<FieldFile>(path, *source_));
  if (open_.size() > most_open_files)
    open_.pop_back();
  return *open_.front();
}

FieldReader::Place FieldReader::find_exact(Time t)
{
  auto const paths = files_.files_for(t);
  for (auto const& path : paths) {
    FieldFile& file = open(path);
    if (index_t const i = find_time(file.times(), t, source_->time_tolerance); i >= 0)
      return {&file, i};
  }
  FieldFile& likeliest = open(paths.front());
  std::string const time = format_time(t, source_->clock), has = describe_times(likeliest, t, source_->clock);
  if (!files_.covers(t))
    fail(group_->deck_key,
         fmt::format("no file covers {}: {}; {} holds no record for it either: {}", time, files_.describe(),
                     paths.front(), has),
         "add the missing file or change the deck's dates");
  fail(likeliest.path(), fmt::format("holds no data for {}: {}", time, has),
       "change the deck's start, end or timestep so that they meet the file's times, or add the missing record");
}

FieldReader::Place FieldReader::find_held(Time t, std::string const& variable)
{
  for (auto const& path : files_.at_or_before(t)) {
    FieldFile& file = open(path);
    auto const& times = file.times();
    auto const after = std::upper_bound(times.begin(), times.end(), t + source_->time_tolerance);
    if (after != times.begin())
      return {&file, after - times.begin() - 1};
  }
  fail(group_->deck_key, fmt::format("no file holds {} at or before {}", variable, format_time(t, source_->clock)),
       "temporal_mode persist needs an earlier value to hold");
}

FieldReader::Place FieldReader::find_in_cycle(Time t, std::string const& variable)
{
  Date d = date_of(t, source_->clock);
  d.year = source_->cycle_year;
  if (!has_day(d, source_->clock)) // 29 February
    d.day -= 1;
  Time const wanted = time_of(d, source_->clock), begin = time_of({d.year, 1, 1}, source_->clock),
             end = time_of({d.year + 1, 1, 1}, source_->clock);
  for (Time const latest : {wanted + source_->time_tolerance, end - 1})
    for (auto const& path : files_.at_or_before(latest)) {
      FieldFile& file = open(path);
      auto const& times = file.times();
      auto const after = std::upper_bound(times.begin(), times.end(), latest);
      if (after == times.begin())
        continue;
      if (*std::prev(after) < begin)
        break; // of an earlier year
      return {&file, after - times.begin() - 1};
    }
  FieldFile& file = first();
  fail(group_->deck_key,
       fmt::format("no file holds {} in the year {} that stands for all ({})", variable, source_->cycle_year,
                   file.path() + ": " + describe_times(file, wanted, source_->clock)),
       fmt::format("set {}.cycle_year to the year of the files", source_->deck_key));
}

FieldReader::Place FieldReader::find(Time t, std::string const& variable)
{
  switch (source_->temporal_mode) {
  case TemporalMode::persist:
    return find_held(t, variable);
  case TemporalMode::cyclic:
    return find_in_cycle(t, variable);
  case TemporalMode::exact:
    break;
  }
  return find_exact(t);
}

/// A static field in a file with times must be the same at the first and the last of them.
FieldReader::Place FieldReader::find_static(SchemaEntry const& entry)
{
  if (files_.size() > 1)
    fail(group_->deck_key, fmt::format("static fields come from one file, but {}", files_.describe()),
         "name one file, or list them under dynamic_forcing");
  FieldFile& file = first();
  index_t const records = file.records(entry.in_files());
  std::string const key = file.path() + " " + entry.in_files();
  if (records <= 1 || std::find(checked_.begin(), checked_.end(), key) != checked_.end())
    return {&file, 0};
  Orientation const& o = file.orientation(entry.in_files());
  std::vector<double> ends[2];
  for (int i = 0; i < 2; ++i)
    file.read(entry.in_files(), i == 0 ? 0 : static_cast<index_t>(file.times().size()) - 1, {0},
              Box{0, o.height, 0, o.width}, o, ends[i]);
  for (std::size_t i = 0; i < ends[0].size(); ++i)
    if (!(ends[0][i] == ends[1][i]) && !(std::isnan(ends[0][i]) && std::isnan(ends[1][i])))
      fail(fmt::format("{}, variable {}", file.path(), entry.in_files()),
           fmt::format("is listed under static, but has {} records that differ", records),
           fmt::format("list it under dynamic_forcing, or name a file with one record: {}.path", group_->deck_key));
  checked_.push_back(key);
  return {&file, 0};
}

Orientation orientation_on(FieldFile& file, std::string const& variable, Grid const& grid, FieldGroup::Orientation rule,
                           std::string const& deck_key)
{
  Orientation o = file.orientation(variable);
  std::string const where = fmt::format("{}, variable {}", file.path(), variable);
  bool const has_rows = !o.grid.latitude.empty(), has_columns = !o.grid.longitude.empty();
  if (o.height != grid.height() || o.width != grid.width() || !agrees(o.grid.latitude, grid.latitude) ||
      !agrees(o.grid.longitude, grid.longitude))
    fail(where,
         fmt::format("lies on another grid ({}; {} x {}) than the deck's data ({})", describe(o.grid), o.height,
                     o.width, describe(grid)),
         "bring all sources to one grid; see also first_longitude");
  bool const open_rows = !has_rows && grid.turned, open_columns = !has_columns && grid.rolled != 0;
  using Rule = FieldGroup::Orientation;
  if ((open_rows || open_columns) && rule == Rule::unknown)
    fail(where,
         fmt::format(
             "has no {} coordinate, and the fields that have one are {} for the model: how this one lies is not known",
             open_rows ? "latitude" : "longitude",
             open_rows ? "turned (their rows run from south to north)"
                       : fmt::format("rolled by {} columns", grid.rolled)),
         fmt::format(
             "add coordinates to the file, or say how it lies: {}.orientation: like_others (in its file as the other "
             "fields in theirs) or like_model (rows from the north, columns from first_longitude)",
             deck_key));
  if (open_rows && rule == Rule::like_others)
    o.flip = true;
  if (open_columns && rule == Rule::like_others)
    o.shift = grid.rolled;
  return o;
}

FieldReader::Found FieldReader::locate(SchemaEntry const& entry, Time t, Grid const& grid, bool of_another_grid)
{
  Found found;
  bool const fixed = entry.type == FieldType::fixed;
  found.place = fixed ? find_static(entry) : find(t, entry.in_files());
  FieldFile& file = *found.place.file;
  std::string const where = fmt::format("{}, variable {}", file.path(), entry.in_files());
  if (!fixed && !file.has_time(entry.in_files()))
    fail(where, "has no time axis",
         fmt::format("list it under static, or name the time coordinate: {}.time_coord", source_->deck_key));
  found.orientation = of_another_grid
                          ? file.orientation(entry.in_files())
                          : orientation_on(file, entry.in_files(), grid, group_->orientation, group_->deck_key);
  found.levels = {0};
  LevelAxis const& axis = file.levels(entry.in_files());
  if (entry.is_3d) {
    if (axis.values.empty())
      fail(where, "has no level dimension, but is listed under vars_3D",
           fmt::format("list it under {}.vars_2D, or name the dimension: {}.level_coord", group_->deck_key,
                       source_->deck_key));
    std::string const& units = entry.vertical.units.empty() ? source_->level_units : entry.vertical.units;
    auto const match =
        match_levels(axis, entry.levels, {units, source_->nearest_levels}, where,
                     fmt::format("set {}.levels to levels of the file, or take the nearest: {}.level_match: "
                                 "nearest",
                                 source_->deck_key, source_->deck_key));
    if (!match.taken.empty())
      logging::warning_once(fmt::format("{}: level_match: nearest takes {}", where, match.taken));
    found.levels = match.positions;
  } else if (axis.values.size() > 1) {
    fail(where, fmt::format("has {} levels along {}, but is listed under vars_2D", axis.values.size(), axis.name),
         fmt::format("list it under {}.vars_3D, or choose one: {}.select: {{{}: ...}}", group_->deck_key,
                     source_->deck_key, axis.name));
  }
  return found;
}

Regridding::Part const& FieldReader::part_of(Regridding const& regridding, Box const& box, Orientation const& o,
                                             std::string const& variable)
{
  auto const key = fmt::format("{} {} {} {} {} {} {} {} {}", variable, box.row0, box.row1, box.col0, box.col1, o.flip,
                               o.shift, o.height, o.width);
  auto it = parts_.find(key);
  if (it == parts_.end())
    it = parts_.emplace(key, Regridding::Part(regridding, box, o, {o.height, o.width})).first;
  return it->second;
}

std::string const& FieldReader::read(SchemaEntry const& entry, Time t, Box const& box, Grid const& grid,
                                     std::vector<double>& out, Regridding const* regridding)
{
  out.clear();
  Found const found = locate(entry, t, grid, regridding != nullptr);
  FieldFile& file = *found.place.file;
  Orientation const& o = found.orientation;
  if (!regridding) {
    file.read(entry.in_files(), found.place.index, found.levels, box, o, out);
    return file.path();
  }
  auto const& part = part_of(*regridding, box, o, entry.in_files());
  file.read(entry.in_files(), found.place.index, found.levels, part.source_box(), o, out);
  part.apply(out);
  return file.path();
}

std::string FieldReader::why_missing(SchemaEntry const& entry, Time t, Box const& box, Grid const& grid)
{
  Found const found = locate(entry, t, grid, false);
  return found.place.file->why_missing(entry.in_files(), found.place.index, found.levels, box, found.orientation);
}

} // namespace rossby
