#include "field_reader.hpp"

#include <rossby/core/error.hpp>
#include <rossby/data/levels.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

/// Handles kept open by a group; beyond that the one not used for longest is closed.
constexpr std::size_t most_open_files = 16;
/// Time coordinates in 32-bit numbers are rounded: stamps this near are the same. Seconds.
constexpr Duration tolerance = 60;

index_t find_time(std::vector<Time> const& times, Time t)
{
  auto const it = std::lower_bound(times.begin(), times.end(), t - tolerance);
  return it != times.end() && *it <= t + tolerance ? it - times.begin() : -1;
}

[[noreturn]] void fail_for_missing_time(FieldFile const& file, Time t)
{
  auto const& times = file.times();
  std::string has = "it has no time stamps at all";
  if (!times.empty()) {
    auto const after = std::lower_bound(times.begin(), times.end(), t);
    has = fmt::format("it has {} from {} to {}", times.size(), format_time(times.front()), format_time(times.back()));
    if (after != times.begin() && after != times.end())
      has += fmt::format("; the neighbours are {} and {}", format_time(*std::prev(after)), format_time(*after));
  }
  fail(file.path(), fmt::format("holds no data for {}: {}", format_time(t), has),
       "change the deck's start, end or timestep so that they meet the file's times, or add the missing record");
}

std::string describe(Grid const& g)
{
  return g.latitude.empty()
             ? std::string("no coordinates")
             : fmt::format("{} x {} from {:g}N {:g}E to {:g}N {:g}E", g.height(), g.width(), g.latitude.front(),
                           g.longitude.front(), g.latitude.back(), g.longitude.back());
}

bool same(std::vector<double> const& a, std::vector<double> const& b)
{
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::fabs(a[i] - b[i]) > 2e-3)
      return false;
  return true;
}

} // namespace

FieldReader::FieldReader(SourceConfig const& source, FieldGroup const& group)
    : source_(&source), group_(&group), files_(group.path, group.deck_key)
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

std::pair<FieldFile*, index_t> FieldReader::find(Time t, std::string const& variable)
{
  if (source_->temporal_mode == TemporalMode::cyclic) {
    Date d = date_of(t);
    d.year = source_->cycle_year;
    bool const leap = day_of_year({d.year, 12, 31}) == 366;
    if (d.month == 2 && d.day == 29 && !leap)
      d.day = 28;
    t = time_of(d);
  }
  if (source_->temporal_mode == TemporalMode::persist) {
    for (auto const& path : files_.at_or_before(t)) {
      FieldFile& file = open(path);
      auto const after = std::upper_bound(file.times().begin(), file.times().end(), t + tolerance);
      if (after != file.times().begin())
        return {&file, after - file.times().begin() - 1};
    }
    fail(group_->deck_key, fmt::format("no file holds {} at or before {}", variable, format_time(t)),
         "temporal_mode persist needs an earlier value to hold");
  }
  FieldFile& file = open(files_.file_for(t));
  index_t const i = find_time(file.times(), t);
  if (i < 0)
    fail_for_missing_time(file, t);
  return {&file, i};
}

void expect_same_grid(FieldFile& file, std::string const& variable, Grid const& grid)
{
  Grid const& own = file.orientation(variable).grid;
  auto const [height, width] = file.horizontal_shape(variable);
  bool const fits = own.latitude.empty() ? height == grid.height() && width == grid.width()
                                         : same(own.latitude, grid.latitude) && same(own.longitude, grid.longitude);
  if (!fits)
    fail(fmt::format("{}, variable {}", file.path(), variable),
         fmt::format("lies on another grid ({}; {} x {}) than the deck's data ({})", describe(own), height, width,
                     describe(grid)),
         "bring all sources to one grid; see also first_longitude");
}

void FieldReader::expect_grid(FieldFile& file, std::string const& variable, Grid const& grid)
{
  std::string const key = file.path() + " " + variable;
  if (std::find(checked_.begin(), checked_.end(), key) != checked_.end())
    return;
  expect_same_grid(file, variable, grid);
  checked_.push_back(key);
}

Regridding::Part const& FieldReader::part_of(Regridding const& regridding, Box const& box, FieldFile& file,
                                             std::string const& variable)
{
  auto const& orientation = file.orientation(variable);
  auto const shape = file.horizontal_shape(variable);
  auto const key = fmt::format("{} {} {} {} {} {} {} {} {}", variable, box.row0, box.row1, box.col0, box.col1,
                               orientation.flip, orientation.shift, shape.first, shape.second);
  auto it = parts_.find(key);
  if (it == parts_.end())
    it = parts_.emplace(key, Regridding::Part(regridding, box, orientation, shape)).first;
  return it->second;
}

std::string const& FieldReader::read(SchemaEntry const& entry, Time t, Box const& box, Grid const& grid,
                                     std::vector<double>& out, Regridding const* regridding)
{
  out.clear();
  FieldFile* file = nullptr;
  index_t index = 0;
  if (entry.type == FieldType::fixed)
    file = &first();
  else
    std::tie(file, index) = find(t, entry.variable);
  if (entry.type != FieldType::fixed && !file->has_time(entry.variable))
    fail(fmt::format("{}, variable {}", file->path(), entry.variable), "has no time axis",
         fmt::format("list it under static, or name the time coordinate: {}.time_coord", source_->deck_key));
  if (!regridding)
    expect_grid(*file, entry.variable, grid);
  std::vector<index_t> levels{0};
  if (entry.is_3d)
    levels = nearest_levels(file->levels(entry.variable), entry.levels, any_distance,
                            fmt::format("{}, variable {}", file->path(), entry.variable), "use the file's own levels");
  else if (entry.type != FieldType::fixed && file->levels(entry.variable).size() > 1)
    fail(fmt::format("{}, variable {}", file->path(), entry.variable),
         "has several levels, but is listed under vars_2D", fmt::format("list it under {}.vars_3D", group_->deck_key));
  if (!regridding) {
    file->read(entry.variable, index, levels, box, out);
    return file->path();
  }
  auto const& part = part_of(*regridding, box, *file, entry.variable);
  file->read(entry.variable, index, levels, part.source_box(), out);
  part.apply(out);
  return file->path();
}

} // namespace rossby
