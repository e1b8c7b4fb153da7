// What a dimension is, is told in this order: the time coordinate's; latitude and longitude, by the name of the
// dimension or by a coordinate with the name, standard name or units of one; the dimension of `level_coord`; the
// dimensions that the deck's `select` names; vertical dimensions, by name or by the attributes of their coordinate; and
// dimensions of length one. Whatever is left has several places of which the deck names none: it is refused. In plain
// HDF5 files, whose dimensions have no names, the last two are rows and columns, and one more is that of the levels.
#include "file_axes.hpp"

#include "core/suggest.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace rossby {

namespace {

/// Longer coordinates are those of a damaged or hostile file.
constexpr index_t longest_axis = index_t{1} << 20;

std::string lower(std::string text)
{
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool contains(std::vector<std::string> const& list, std::string const& word)
{
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_anonymous(std::string const& dimension) { return dimension.rfind("phony_dim_", 0) == 0; }

/// "0, 1, 2 ... 9"
std::string listed(std::vector<double> const& values)
{
  std::vector<std::string> words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i == 8 && values.size() > 10) {
      words.push_back("...");
      i = values.size() - 1;
    }
    words.push_back(fmt::format("{:g}", values[i]));
  }
  return join(words);
}

} // namespace

struct FileAxes::Axis {
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

FileAxes::FileAxes(io::ArrayReader const& reader, SourceConfig const& source) : reader_(&reader), source_(&source)
{
  find_time();
}

void FileAxes::find_time()
{
  auto const& r = *reader_;
  auto const is_time = [&](io::ArrayInfo const& v) {
    return r.text(v.name, "units").value_or("").find(" since ") != std::string::npos;
  };
  if (r.has(source_->time_coord) && r.variable(source_->time_coord).dimensions.size() <= 1)
    time_ = source_->time_coord;
  else {
    std::vector<std::string> found, named;
    for (auto const& v : r.variables())
      if (v.dimensions.size() == 1 && v.dimensions[0] == v.name && is_time(v)) {
        found.push_back(v.name);
        if (r.text(v.name, "standard_name") == "time" || r.text(v.name, "axis") == "T")
          named.push_back(v.name);
      }
    if (found.empty())
      for (auto const& v : r.variables())
        if (v.dimensions.empty() && r.text(v.name, "standard_name") == "time" && is_time(v))
          found.push_back(v.name);
    auto const& candidates = named.size() == 1 ? named : found;
    if (candidates.size() > 1)
      fail(r.file(), fmt::format("has several time coordinates: {}", join(candidates)),
           fmt::format("name one: {}.time_coord", source_->deck_key));
    if (!candidates.empty())
      time_ = candidates[0];
  }
  if (time_.empty())
    return;
  auto const& dimensions = r.variable(time_).dimensions;
  scalar_time_ = dimensions.empty();
  if (!scalar_time_)
    time_dimension_ = dimensions[0];
}

std::string FileAxes::coordinate_along(std::string const& dimension, Axis const& axis) const
{
  for (auto const& v : reader_->variables()) {
    if (v.dimensions.size() != 1 || v.dimensions[0] != dimension)
      continue;
    std::string const units = lower(reader_->text(v.name, "units").value_or(""));
    if (contains(axis.names, lower(v.name)) || reader_->text(v.name, "standard_name") == axis.standard_name ||
        units.rfind("degrees_" + axis.units, 0) == 0 || units.rfind("degree_" + axis.units, 0) == 0)
      return v.name;
  }
  return {};
}

std::string FileAxes::latitude_along(std::string const& dimension) const
{
  return coordinate_along(dimension, Axis::latitude());
}
std::string FileAxes::longitude_along(std::string const& dimension) const
{
  return coordinate_along(dimension, Axis::longitude());
}

bool FileAxes::lies_along(std::string const& dimension, Axis const& axis) const
{
  return contains(axis.names, lower(dimension)) || !coordinate_along(dimension, axis).empty();
}

bool FileAxes::is_curvilinear(std::string const& row_dimension, std::string const& col_dimension) const
{
  for (auto const& v : reader_->variables()) {
    if (v.dimensions.size() != 2 || !contains(v.dimensions, row_dimension) || !contains(v.dimensions, col_dimension))
      continue;
    std::string const units = lower(reader_->text(v.name, "units").value_or(""));
    auto const standard_name = reader_->text(v.name, "standard_name").value_or("");
    if (units.rfind("degrees_north", 0) == 0 || units.rfind("degrees_east", 0) == 0 || standard_name == "latitude" ||
        standard_name == "longitude")
      return true;
  }
  return false;
}

std::string FileAxes::level_coordinate_along(std::string const& dimension) const
{
  for (std::string const& name : {source_->level_coord, dimension})
    if (!name.empty() && reader_->has(name) && reader_->variable(name).dimensions.size() == 1 &&
        reader_->variable(name).dimensions[0] == dimension)
      return name;
  return {};
}

bool FileAxes::is_level(std::string const& dimension) const
{
  static std::vector<std::string> const names{
      "level",          "levels",          "lev",      "plev",          "plevel",      "pressure",
      "pressure_level", "pressure_levels", "isobaric", "isobaricinhpa", "p",           "pfull",
      "hybrid",         "height",          "z",        "altitude",      "model_level", "hlevel",
      "bottom_top"};
  std::string const coordinate = level_coordinate_along(dimension);
  if (coordinate.empty())
    return contains(names, lower(dimension));
  auto const text = [&](char const* attribute) { return lower(reader_->text(coordinate, attribute).value_or("")); };
  std::string const standard_name = text("standard_name"), positive = text("positive");
  return contains(names, lower(dimension)) || text("axis") == "z" || positive == "up" || positive == "down" ||
         standard_name == "air_pressure" || standard_name == "model_level_number" || standard_name == "height" ||
         standard_name == "altitude" || standard_name.rfind("atmosphere_", 0) == 0 ||
         standard_name.rfind("ocean_", 0) == 0 || is_pressure(text("units"));
}

index_t FileAxes::selected(std::string const& variable, std::string const& dimension, index_t length,
                           double value) const
{
  std::string const where = fmt::format("{}, variable {}", reader_->file(), variable);
  std::string const key = fmt::format("{}.select.{}", source_->deck_key, dimension);
  std::string const coordinate = level_coordinate_along(dimension);
  bool const numbered = coordinate.empty() || reader_->variable(coordinate).type == io::StoredType::other;
  if (!numbered) {
    LevelAxis axis;
    axis.values = reader_->read(coordinate);
    axis.units = reader_->text(coordinate, "units").value_or("");
    axis.name = dimension;
    return match_levels(axis, {value}, {}, where, fmt::format("set {} to one of them", key)).positions[0];
  }
  if (!(value >= 0 && value < static_cast<double>(length)) || value != std::floor(value))
    fail(where, fmt::format("its dimension {} has the places 0 to {}, not {:g}", dimension, length - 1, value),
         fmt::format("set {} to one of them: there is no coordinate to choose by value", key));
  return static_cast<index_t>(value);
}

void FileAxes::refuse(std::string const& variable, std::string const& dimension, index_t length) const
{
  std::string has = fmt::format("{} places", length);
  std::string const coordinate = level_coordinate_along(dimension);
  if (!coordinate.empty() && length <= longest_axis && reader_->variable(coordinate).type != io::StoredType::other)
    has = fmt::format("the values {}", listed(reader_->read(coordinate)));
  std::string fix =
      fmt::format("choose one: {}.select: {{{}: ...}}, or name it if it is the vertical one: level_coord: {}",
                  source_->deck_key, dimension, dimension);
  if (lower(dimension) == "expver")
    fix =
        fmt::format("here ERA5 (1) and its preliminary ERA5T (5) lie side by side, each time in one of them: join them "
                    "into one first (in xarray ds.sel(expver=1).combine_first(ds.sel(expver=5))), or choose one: "
                    "{}.select: {{expver: 1}}",
                    source_->deck_key);
  fail(fmt::format("{}, variable {}", reader_->file(), variable),
       fmt::format("has dimensions ({}); {} is none of time, level, latitude, longitude and has {}",
                   join(reader_->variable(variable).dimensions), dimension, has),
       fix);
}

Roles FileAxes::roles_of(std::string const& name) const
{
  auto const& v = reader_->variable(name);
  auto const rank = static_cast<int>(v.dimensions.size());
  auto const dimension = [&](int d) -> std::string const& { return v.dimensions[static_cast<std::size_t>(d)]; };
  auto const length = [&](int d) { return v.shape[static_cast<std::size_t>(d)]; };
  std::string const where = fmt::format("{}, variable {}", reader_->file(), name);
  if (v.type == io::StoredType::other)
    fail(where, "holds no numbers", "name a variable of numbers");
  Roles roles;
  roles.place.assign(static_cast<std::size_t>(rank), 0);
  for (int d = 0; d < rank; ++d)
    if (!time_dimension_.empty() && dimension(d) == time_dimension_)
      roles.time = d;
    else if (source_->select.count(dimension(d)) == 0 && roles.row < 0 && lies_along(dimension(d), Axis::latitude()))
      roles.row = d;
    else if (source_->select.count(dimension(d)) == 0 && roles.col < 0 && lies_along(dimension(d), Axis::longitude()))
      roles.col = d;
  if (roles.row < 0 && roles.col < 0 && rank >= 2 && roles.time < rank - 2 &&
      is_anonymous(dimension(rank - 1)) == is_anonymous(dimension(rank - 2)))
    roles.row = rank - 2, roles.col = rank - 1;
  if (roles.row < 0 || roles.col < 0)
    fail(where,
         fmt::format("has dimensions ({}), among which latitude and longitude are not found", join(v.dimensions)),
         "fields must lie on a regular latitude-longitude grid: (time, level, latitude, longitude)");
  if (is_curvilinear(dimension(roles.row), dimension(roles.col)))
    fail(where, "lies on a curvilinear grid: its latitudes and longitudes have two dimensions",
         "interpolate it to a regular latitude-longitude grid first");

  bool const named =
      reader_->has(source_->level_coord) && reader_->variable(source_->level_coord).dimensions.size() == 1;
  std::string const level_dimension =
      named ? reader_->variable(source_->level_coord).dimensions[0] : source_->level_coord;
  std::vector<int> unknown;
  for (int d = 0; d < rank; ++d) {
    if (d == roles.time || d == roles.row || d == roles.col)
      continue;
    if (auto const choice = source_->select.find(dimension(d)); choice != source_->select.end())
      roles.place[static_cast<std::size_t>(d)] = selected(name, dimension(d), length(d), choice->second);
    else if (dimension(d) == level_dimension && roles.level < 0)
      roles.level = d;
    else
      unknown.push_back(d);
  }
  // Several may look like levels: the first that is longer than one is, unless level_coord says so.
  for (bool const of_length_one : {false, true})
    for (int const d : unknown)
      if (roles.level < 0 && (length(d) == 1) == of_length_one && is_level(dimension(d)))
        roles.level = d;
  auto const is_open = [&](int d) { return d != roles.level && length(d) != 1; };
  if (roles.level < 0 && std::count_if(unknown.begin(), unknown.end(), is_open) == 1)
    for (int const d : unknown)
      if (is_open(d) && is_anonymous(dimension(d)))
        roles.level = d;
  for (int const d : unknown)
    if (is_open(d))
      refuse(name, dimension(d), length(d));
  return roles;
}

LevelAxis FileAxes::levels_of(std::string const& variable, Roles const& roles) const
{
  LevelAxis axis;
  if (roles.level < 0)
    return axis;
  auto const& v = reader_->variable(variable);
  auto const d = static_cast<std::size_t>(roles.level);
  axis.name = v.dimensions[d];
  if (v.shape[d] > longest_axis)
    fail(fmt::format("{}, variable {}", reader_->file(), variable),
         fmt::format("has {} levels, more than {}", v.shape[d], longest_axis), "repair the file");
  std::string const coordinate = level_coordinate_along(v.dimensions[d]);
  if (coordinate.empty() || reader_->variable(coordinate).type == io::StoredType::other) {
    axis.numbered = true;
    for (index_t k = 0; k < v.shape[d]; ++k)
      axis.values.push_back(static_cast<double>(k));
    return axis;
  }
  axis.values = reader_->read(coordinate);
  axis.units = reader_->text(coordinate, "units").value_or("");
  axis.positive = lower(reader_->text(coordinate, "positive").value_or(""));
  axis.standard_name = reader_->text(coordinate, "standard_name").value_or("");
  return axis;
}

} // namespace rossby
