#include "survey.hpp"

#include "core/suggest.hpp"
#include "data/survey.hpp"
#include "io/array_reader.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

namespace rossby {

namespace fs = std::filesystem;

namespace {
using Names = std::vector<std::string>;

std::string lower(std::string text)
{
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool contains(Names const& list, std::string const& word)
{
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool looks_like_data(fs::path const& path)
{
  static Names const endings{".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".zarr"};
  return contains(endings, lower(path.extension().string()));
}

bool is_store(fs::path const& path)
{
  return fs::exists(path / ".zgroup") || fs::exists(path / ".zmetadata") || fs::exists(path / "zarr.json");
}

/// Files and stores that the arguments name, sorted.
Names all_paths(Names const& arguments)
{
  std::set<std::string> paths;
  for (auto const& argument : arguments) {
    Names const named = paths_matching(argument);
    if (named.empty())
      fail(argument, "there is no such file, store or folder", "check the path");
    for (auto const& name : named)
      if (!fs::is_directory(name) || is_store(name)) {
        paths.insert(name.size() > 1 && name.back() == '/' ? name.substr(0, name.size() - 1) : name);
      } else {
        std::size_t const before = paths.size();
        for (auto const& entry : fs::directory_iterator(name))
          if (looks_like_data(entry.path()))
            paths.insert(entry.path().string());
        if (paths.size() == before)
          fail(name, "holds no file named *.nc, *.cdf, *.h5 and no store named *.zarr", "name the files themselves");
      }
  }
  return {paths.begin(), paths.end()};
}

/// The coordinate of a dimension: the one-dimensional variable of its name, or one that says by its attributes that it
/// is what is looked for.
struct Axes {
  io::ArrayReader const& reader;

  bool is_along(io::ArrayInfo const& v, std::string const& dimension) const
  {
    return v.dimensions == Names{dimension} && v.type != io::StoredType::other;
  }
  std::string text(std::string const& variable, char const* attribute) const
  {
    return reader.text(variable, attribute).value_or("");
  }
  /// Name of the coordinate, or "".
  std::string horizontal(std::string const& dimension, Names const& names, std::string const& direction) const
  {
    for (auto const& v : reader.variables())
      if (is_along(v, dimension)) {
        auto const units = lower(text(v.name, "units"));
        if (contains(names, lower(v.name)) || units.rfind("degrees_" + direction, 0) == 0 ||
            units.rfind("degree_" + direction, 0) == 0)
          return v.name;
      }
    return {};
  }
  std::string latitude(std::string const& dimension) const
  {
    return horizontal(dimension, {"latitude", "lat", "nlat"}, "north");
  }
  std::string longitude(std::string const& dimension) const
  {
    return horizontal(dimension, {"longitude", "lon", "nlon"}, "east");
  }
  std::string time(std::string const& dimension) const
  {
    for (auto const& v : reader.variables())
      if (is_along(v, dimension) && text(v.name, "units").find(" since ") != std::string::npos)
        return v.name;
    return {};
  }
  std::string level(std::string const& dimension) const
  {
    for (auto const& v : reader.variables())
      if (is_along(v, dimension) && v.name == dimension)
        return v.name;
    return {};
  }
};

/// Kinds by what a variable is called, for those that are not part of a state.
struct Rule {
  FieldType type;
  Names words; ///< within names, long_name or standard_name
  char const* why;
};

std::vector<Rule> const& rules()
{
  static std::vector<Rule> const all{
      {FieldType::dynamic_forcing,
       {"toa_incoming", "tisr", "toa incident", "sea_surface_temperature", "sea surface temperature", "sea_ice",
        "sea ice"},
       "is given from outside"},
      {FieldType::diagnostic,
       {"precipitation", "rainfall", "snowfall", "flux", "radiation", "evaporation", "runoff"},
       "is an amount of the step, which no state begins from"}};
  return all;
}

struct Reading {
  SurveyedFiles& files;
  NewDeckOptions const& options;
  io::ArrayReader const& reader;
  std::map<std::string, std::string>& troubles; ///< of variables that have been looked at, in any file
  Axes axes{reader};

  void leave_out(std::string const& name, std::string why) { files.left_out.emplace_back(name, std::move(why)); }

  /// Takes a variable up where its dimensions are those of a field.
  void look_at(io::ArrayInfo const& v)
  {
    std::string latitude, longitude, time, level, level_dimension;
    Names odd;
    for (std::size_t d = 0; d < v.dimensions.size(); ++d) {
      auto const& dimension = v.dimensions[d];
      if (latitude.empty() && !(latitude = axes.latitude(dimension)).empty())
        continue;
      if (longitude.empty() && !(longitude = axes.longitude(dimension)).empty())
        continue;
      if (time.empty() && !(time = axes.time(dimension)).empty())
        continue;
      if (v.shape[d] == 1)
        continue;
      if (level_dimension.empty()) {
        level_dimension = dimension;
        level = axes.level(dimension);
      } else {
        odd.push_back(dimension);
      }
    }
    if (latitude.empty() || longitude.empty())
      return; // a coordinate, or nothing on the globe
    if (v.type == io::StoredType::other)
      return leave_out(v.name, "holds no numbers");
    if (!odd.empty())
      return leave_out(v.name, fmt::format("has further dimensions ({})", join(odd)));
    std::string const level_name = lower(level_dimension);
    if (!level_dimension.empty() && level.empty() && level_name != "level" && level_name != "lev" &&
        level_name != "plev")
      return leave_out(v.name, fmt::format("has the dimension {}, which has no coordinate", level_dimension));
    if (contains({"number", "member", "realization", "ensemble", "step", "expver"}, level_name))
      return leave_out(v.name, fmt::format("has the dimension {}", level_dimension));

    auto const lat = reader.read(latitude), lon = reader.read(longitude);
    if (files.latitude.empty())
      files.latitude = lat, files.longitude = lon;
    else if (files.latitude != lat || files.longitude != lon)
      return leave_out(v.name, "lies on another grid than the variables before it");
    if (!time.empty() && !files.time_coord.empty() && time != files.time_coord)
      return leave_out(v.name, fmt::format("has the time axis {}, others have {}", time, files.time_coord));
    bool const is_3d = !level_dimension.empty();
    if (is_3d) {
      auto const at = static_cast<std::size_t>(std::find(v.dimensions.begin(), v.dimensions.end(), level_dimension) -
                                               v.dimensions.begin());
      if (!files.level_coord.empty() && files.level_coord != level_dimension)
        return leave_out(v.name,
                         fmt::format("has the level axis {}, others have {}", level_dimension, files.level_coord));
      if (time.empty())
        return leave_out(v.name, "is static on several levels");
      files.level_coord = level_dimension;
      files.level_count = static_cast<int>(v.shape[at]);
      if (!level.empty())
        files.levels = reader.read(level);
    }
    if (!time.empty())
      files.time_coord = time;
    SurveyedVariable found{v.name, FieldType::prognostic, is_3d, {}};
    set_kind(found, !time.empty());
    if (contains(options.left_out, v.name))
      return leave_out(v.name, "as asked");
    if (auto const trouble = trouble_with(v); !trouble.empty())
      return leave_out(v.name, trouble);
    files.variables.push_back(std::move(found));
  }

  void set_kind(SurveyedVariable& v, bool has_time) const
  {
    v.why = has_time ? "has a time axis" : "has no time axis";
    v.type = has_time ? FieldType::prognostic : FieldType::fixed;
    if (!has_time)
      return;
    std::string const told =
        lower(v.name + " " + axes.text(v.name, "long_name") + " " + axes.text(v.name, "standard_name"));
    for (auto const& rule : rules())
      for (auto const& word : rule.words)
        if (told.find(word) != std::string::npos)
          v.type = rule.type, v.why = fmt::format("{} ('{}')", rule.why, word);
    for (auto const& [names, type] :
         {std::pair{&options.prognostic, FieldType::prognostic}, std::pair{&options.diagnostic, FieldType::diagnostic},
          std::pair{&options.forcing, FieldType::dynamic_forcing}})
      if (contains(*names, v.name))
        v.type = type, v.why = "as asked";
  }

  /// What would end a training: gaps, or a field that does not vary and so can't be scaled. Seen at up to sixteen times
  /// (fewer of large fields), in the first of several files.
  std::string trouble_with(io::ArrayInfo const& v)
  {
    if (auto const known = troubles.find(v.name); known != troubles.end())
      return known->second;
    Shape start(v.shape.size(), 0), count = v.shape;
    std::size_t time_axis = count.size();
    for (std::size_t d = 0; d < count.size(); ++d)
      if (!axes.time(v.dimensions[d]).empty())
        time_axis = d, count[d] = std::min<index_t>(count[d], 1);
    index_t const times = time_axis < count.size() ? v.shape[time_axis] : 1;
    constexpr index_t enough = 1 << 26;
    index_t const looks = std::min(times, std::clamp<index_t>(enough / std::max<index_t>(1, product(count)), 1, 16));
    std::string& trouble = troubles[v.name];
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (index_t k = 0; k < looks && trouble.empty(); ++k) {
      if (time_axis < start.size())
        start[time_axis] = looks > 1 ? k * (times - 1) / (looks - 1) : 0;
      try {
        auto const values = reader.read(v.name, start, count);
        auto const missing = std::count_if(values.begin(), values.end(), [](double x) { return !std::isfinite(x); });
        if (missing > 0)
          trouble = fmt::format("has {} of {} values missing at a time (a fill_values preblock could replace them)",
                                missing, values.size());
        for (double const x : values)
          low = std::min(low, x), high = std::max(high, x);
      } catch (Error const& e) {
        trouble = fmt::format("can't be read: {}", e.problem());
      }
    }
    if (trouble.empty() && !(low < high))
      trouble = "does not vary";
    return trouble;
  }

  void read_times()
  {
    if (files.time_coord.empty())
      return;
    std::string const where = fmt::format("{}, variable {}", reader.file(), files.time_coord);
    files.calendar = parse_calendar(reader.text(files.time_coord, "calendar").value_or("standard"), where);
    TimeUnits const units(axes.text(files.time_coord, "units"), files.calendar, where);
    for (double const value : reader.read(files.time_coord)) {
      if (!std::isfinite(value))
        fail(where, "has a time that is missing", "repair the file");
      files.times.push_back(units.decode(value));
    }
  }
};

/// A template that gives every path when it is filled in with its first time; "" when none does.
std::string template_of(Names const& paths, std::vector<Time> const& first_times, Calendar calendar)
{
  static Names const codes{"%Y%m%d%H", "%Y-%m-%d", "%Y_%m_%d", "%Y%m%d", "%Y-%m", "%Y_%m", "%Y%m", "%Y", "%m", "%d"};
  for (std::size_t skip = 0; skip < codes.size(); ++skip) { // from the finest code on, then without it
    std::string text = paths.front();
    for (std::size_t i = skip; i < codes.size(); ++i) {
      std::string const date = format_time(first_times.front(), codes[i], calendar);
      if (date.size() < 4 && text.find('%') == std::string::npos)
        continue; // a month without a year before it says nothing
      for (auto at = text.find(date); at != std::string::npos; at = text.find(date, at + codes[i].size()))
        text.replace(at, date.size(), codes[i]);
    }
    bool fits = text.find('%') != std::string::npos;
    for (std::size_t k = 0; fits && k < paths.size(); ++k)
      fits = format_time(first_times[k], text, calendar) == paths[k];
    if (fits)
      return text;
  }
  return {};
}
} // namespace

std::vector<SurveyedFiles> survey(NewDeckOptions const& options)
{
  std::map<std::string, std::pair<Names, std::vector<SurveyedFiles>>> kinds; // by what they hold
  std::map<std::string, std::string> troubles;
  for (auto const& path : all_paths(options.data)) {
    io::ArrayReader const reader(path);
    SurveyedFiles files;
    files.path = path;
    Reading reading{files, options, reader, troubles};
    for (auto const& v : reader.variables())
      reading.look_at(v);
    reading.read_times();
    std::string key = fs::path(path).extension().string();
    for (auto const& v : files.variables)
      key += fmt::format(" {} {}", v.name, v.is_3d);
    auto& kind = kinds[key];
    kind.first.push_back(path);
    kind.second.push_back(std::move(files));
  }
  std::vector<SurveyedFiles> result;
  for (auto& entry : kinds) {
    auto& [paths, found] = entry.second;
    SurveyedFiles all = found.front();
    if (all.variables.empty())
      continue;
    all.files = found.size();
    if (found.size() > 1) {
      std::vector<Time> first_times;
      for (auto const& files : found) {
        if (files.times.empty())
          fail(files.path, fmt::format("holds the same variables as {}, and neither has times", paths.front()),
               "name one of the two");
        if (files.latitude != all.latitude || files.longitude != all.longitude || files.levels != all.levels)
          fail(files.path, fmt::format("lies on another grid or other levels than {}", paths.front()),
               "make a deck for one of the two");
        first_times.push_back(files.times.front());
      }
      all.path = template_of(paths, first_times, all.calendar);
      if (all.path.empty())
        fail(paths.front(),
             fmt::format("{} and {} more hold the same variables, and no template of their names tells their times",
                         paths[1], paths.size() - 2),
             "rename them by their first time, for instance era5_2000.nc or era5_2000-01.zarr, or join them");
      all.times.clear();
      for (auto const& files : found)
        all.times.insert(all.times.end(), files.times.begin(), files.times.end());
    }
    std::sort(all.times.begin(), all.times.end());
    all.times.erase(std::unique(all.times.begin(), all.times.end()), all.times.end());
    result.push_back(std::move(all));
  }
  if (result.empty())
    fail(join(options.data), "hold no field on a latitude-longitude grid",
         "fields have axes that are called latitude and longitude, or have units degrees_north and degrees_east");
  return result;
}

std::vector<std::string> kind_rules()
{
  std::vector<std::string> lines{"a variable without a time axis is static, one with a time axis prognostic, but"};
  for (auto const& rule : rules())
    lines.push_back(fmt::format("  {}, where its name, long_name or standard_name holds one of: {}", name_of(rule.type),
                                join(rule.words)));
  return lines;
}

} // namespace rossby
