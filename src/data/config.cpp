#include "data/config.hpp"

#include "calendars.hpp"

#include "core/suggest.hpp"
#include "data/survey.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace rossby {

namespace {

/// Runs `read`; a problem is kept and reading goes on.
template <class F> void collect(Problems& problems, F&& read)
{
  try {
    read();
  } catch (Error const& e) {
    problems.add(e);
  }
}

void ignore(DeckNode const& parent, std::vector<std::string> const& keys, char const* why)
{
  for (auto const& key : keys)
    if (auto const node = parent[key]; node.exists()) {
      node.mark_read();
      logging::warning_once(fmt::format("{}: ignored: {}", node.path(), why));
    }
}

void refuse(DeckNode const& parent, std::vector<std::string> const& keys, char const* what, char const* fix)
{
  for (auto const& key : keys)
    if (auto const node = parent[key]; node.exists()) {
      node.mark_read();
      node.reject(what, fix);
    }
}

std::vector<double> axis_of(DeckNode const& node)
{
  auto const spec = node.as<std::vector<double>>();
  if (spec.size() != 3 || !(spec[2] >= 1 && spec[2] <= 1e6))
    node.reject("is not [start, end, number of points]", "for instance [90, -90, 181]");
  auto const n = static_cast<std::size_t>(spec[2]);
  std::vector<double> axis(n);
  for (std::size_t i = 0; i < n; ++i)
    axis[i] = n == 1 ? spec[0] : spec[0] + (spec[1] - spec[0]) * static_cast<double>(i) / static_cast<double>(n - 1);
  return axis;
}

void read_solar(DeckNode const& node, SolarConfig& solar)
{
  solar.integration_steps = node.get("num_integration_steps", 360);
  if (solar.integration_steps < 1 || solar.integration_steps > 100000)
    node["num_integration_steps"].reject("must be 1 to 100000");
  solar.offsets = node.get("offsets", std::vector<int>{0});
  if (solar.offsets.empty())
    node["offsets"].reject("is empty", "leave it out, or name offsets in time steps such as [0, 1]");
  for (int const offset : solar.offsets)
    if (std::abs(offset) > 10000)
      node["offsets"].reject(fmt::format("{} is not from -10000 to 10000 time steps", offset));
  solar.irradiance_path = node.get("tsi_path", std::string());
  ignore(node, {"latlon_grid_path"}, "the solar source takes the grid of the other sources");
  if (node.has("lat_spec") != node.has("lon_spec"))
    node.reject("lat_spec and lon_spec come together", "give both, or neither to take the grid of the other sources");
  if (node.has("lat_spec")) {
    solar.latitude = axis_of(node["lat_spec"]);
    solar.longitude = axis_of(node["lon_spec"]);
    if (solar.latitude.size() > 1 && solar.latitude.front() < solar.latitude.back())
      std::reverse(solar.latitude.begin(), solar.latitude.end());
  }
}

void read_orientation(DeckNode const& node, FieldGroup& group)
{
  if (!node.has("orientation"))
    return;
  using Orientation = FieldGroup::Orientation;
  auto const word = node["orientation"].as<std::string>();
  if (word == "like_others")
    group.orientation = Orientation::like_others;
  else if (word == "like_model")
    group.orientation = Orientation::like_model;
  else
    node["orientation"].reject(fmt::format("'{}' is none of like_others, like_model", word),
                               "say how fields without coordinates lie in their files");
}

/// How levels are found, and what is read along dimensions that are no axis of a field.
void read_selection(DeckNode const& node, SourceConfig& config)
{
  auto const match = node.get("level_match", std::string("exact"));
  if (match != "exact" && match != "nearest")
    node["level_match"].reject(fmt::format("'{}' is none of exact, nearest", match));
  config.nearest_levels = match == "nearest";
  config.level_units = node.get("level_units", std::string());
  auto const meridian = node.get("repeated_meridian", std::string("refuse"));
  if (meridian != "refuse" && meridian != "drop")
    node["repeated_meridian"].reject(fmt::format("'{}' is none of refuse, drop", meridian));
  config.drop_repeated_meridian = meridian == "drop";
  if (node.has("select"))
    for (auto const& [dimension, value] : node["select"].entries())
      config.select[dimension] = value.as<double>();
}

void read_temporal_mode(DeckNode const& node, SourceConfig& config)
{
  auto const mode = node.get("temporal_mode", std::string("exact"));
  if (mode == "persist")
    config.temporal_mode = TemporalMode::persist;
  else if (mode == "cyclic") {
    config.temporal_mode = TemporalMode::cyclic;
    config.cycle_year = node.require<int>("cycle_year");
    if (config.cycle_year < 0 || config.cycle_year > 99999)
      node["cycle_year"].reject("must be a year from 0 to 99999");
  } else if (mode != "exact")
    node["temporal_mode"].reject(fmt::format("'{}' is none of exact, persist, cyclic", mode));
}

void read_groups(DeckNode const& source, SourceConfig& config)
{
  auto const variables = source["variables"];
  if (!variables.exists())
    variables.reject("is missing", "name the variables: prognostic, diagnostic, static, dynamic_forcing");
  static constexpr std::array<FieldType, 4> types{FieldType::prognostic, FieldType::fixed, FieldType::dynamic_forcing,
                                                  FieldType::diagnostic};
  for (FieldType const type : types) {
    auto const node = variables[name_of(type)];
    if (!node.exists())
      continue;
    FieldGroup group;
    group.type = type;
    group.deck_key = node.path();
    group.vars_3d = node.get("vars_3D", std::vector<std::string>{});
    group.vars_2d = node.get("vars_2D", std::vector<std::string>{});
    ignore(node, {"filename_time_format"}, "the path template says where files are");
    read_orientation(node, group);
    if (config.kind == SourceConfig::Kind::local) {
      group.path = node.require<std::string>("path");
      expect_local(group.path, node["path"].path());
    } else if (type != FieldType::dynamic_forcing)
      node.reject("a solar source has dynamic_forcing only");
    else if (!group.vars_3d.empty() || group.vars_2d != std::vector<std::string>{"tisr"})
      node.reject("a solar source has the one variable tisr", "write vars_2D: [tisr]");
    if (group.vars_3d.empty() && group.vars_2d.empty())
      continue;
    if (!group.vars_3d.empty() && config.levels && config.levels->empty())
      source["levels"].reject("an empty list means no level at all, yet there are vars_3D",
                              "leave levels out (or null) for all levels in the file");
    config.groups.push_back(group);
  }
  if (config.groups.empty())
    variables.reject("names no variable");
}

/// Sources that CREDIT reads over the network, and where they are.
[[noreturn]] void reject_source(DeckNode const& node, std::string const& type)
{
  static std::vector<std::pair<std::string, std::string>> const remote{
      {"arco_era5", "gcloud storage cp -r gs://gcp-public-data-arco-era5/..."},
      {"weatherbench2_era5", "gcloud storage cp -r gs://weatherbench2/datasets/era5/..."},
      {"hrrr", "aws s3 cp --recursive --no-sign-request s3://noaa-hrrr-bdp-pds/..., and netCDF from GRIB"},
      {"hrrr_nat", "aws s3 cp --recursive --no-sign-request s3://noaa-hrrr-bdp-pds/..., and netCDF from GRIB"},
      {"hrrr_subh", "aws s3 cp --recursive --no-sign-request s3://noaa-hrrr-bdp-pds/..., and netCDF from GRIB"},
      {"mrms", "aws s3 cp --recursive --no-sign-request s3://noaa-mrms-pds/..., and netCDF from GRIB"},
      {"goes", "aws s3 cp --recursive --no-sign-request s3://noaa-goes16/..."},
      {"gfs", "aws s3 cp --recursive --no-sign-request s3://noaa-gfs-bdp-pds/..., and netCDF from GRIB"},
      {"gefs", "aws s3 cp --recursive --no-sign-request s3://noaa-gefs-pds/..., and netCDF from GRIB"}};
  for (auto const& [name, how] : remote)
    if (name == type)
      node.reject(fmt::format("'{}' is a remote source, and data are read from file systems alone", type),
                  fmt::format("copy what the run needs once ({}), then use dataset_type: local with its paths", how));
  node.reject(fmt::format("'{}' is not supported", type),
              "use local (netCDF files and Zarr stores) or tisr; bring other data to files first");
}

SourceConfig read_source(std::string const& name, DeckNode const& node)
{
  SourceConfig config;
  config.name = name;
  config.deck_key = node.path();
  auto const type = node.require<std::string>("dataset_type");
  if (type == "tisr")
    config.kind = SourceConfig::Kind::solar;
  else if (type != "local") {
    node.mark_read(); // its other keys are nobody's fault
    reject_source(node["dataset_type"], type);
  }
  refuse(node, {"grid_type", "mode", "resolution"}, "is not supported",
         "use files on a regular latitude-longitude grid");
  ignore(node, {"engine"}, "Rossby reads netCDF, HDF5 and Zarr by itself");
  ignore(node, {"filename_time_format"}, "the path template says where files are");

  config.level_coord = node.get("level_coord", config.level_coord);
  config.time_coord = node.get("time_coord", config.time_coord);
  if (node.has("levels"))
    config.levels = node["levels"].as<std::vector<double>>();
  if (node.has("calendar"))
    config.calendar = parse_calendar(node.require<std::string>("calendar"), node["calendar"].path());
  config.first_longitude = node.get("first_longitude", 0.0);
  if (!std::isfinite(config.first_longitude) || std::fabs(config.first_longitude) > 360)
    node["first_longitude"].reject("must lie from -360 to 360 degrees");
  read_temporal_mode(node, config);
  read_selection(node, config);
  if (config.kind == SourceConfig::Kind::solar)
    read_solar(node, config.solar);
  read_groups(node, config);
  return config;
}

/// Ranges that share times would show samples twice; a clock of billions of ticks is a mistyped year.
void check_ranges(DeckNode const& node, DataConfig const& config)
{
  auto sorted = config.ranges;
  std::sort(sorted.begin(), sorted.end());
  std::int64_t ticks = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i].first < sorted[i - 1].second)
      node["date_ranges"].reject(fmt::format("the range from {} begins before that from {} ends ({})",
                                             format_time(sorted[i].first, config.calendar),
                                             format_time(sorted[i - 1].first, config.calendar),
                                             format_time(sorted[i - 1].second, config.calendar)),
                                 "let no two ranges overlap: their samples would count twice");
    if (config.timestep > 0) // else it is a fault of its own
      ticks += (sorted[i].second - sorted[i].first) / config.timestep + 1;
  }
  constexpr std::int64_t most = std::int64_t{1} << 25;
  if (ticks > most)
    node.reject(
        fmt::format("the dates hold {} steps of {}, more than {}", ticks, format_duration(config.timestep), most),
        "look for a mistyped year");
}

/// Whether `key` is to be taken from `training`, of which a warning tells.
bool inherits(DeckNode const& node, char const* key, DataConfig const* training, std::string const& value,
              Problems& problems)
{
  if (!training || node.has(key))
    return false;
  problems.warning(node[key].path(), fmt::format("is missing, so that of {} counts: {}", training->deck_key, value),
                   "CREDIT wants it here, too");
  return true;
}

void read_timestep(DeckNode const& node, DataConfig const* training, DataConfig& config, Problems& problems)
{
  if (inherits(node, "timestep", training, training ? format_duration(training->timestep) : "", problems))
    config.timestep = training->timestep;
  else
    config.timestep = parse_duration(node.require<std::string>("timestep"), node["timestep"].path());
}

void read_clock(DeckNode const& node, DataConfig& config)
{
  auto const time = [&](DeckNode const& n) { return parse_time(n.as<std::string>(), n.path(), config.calendar); };
  bool const ends = node.has("start_datetime") || node.has("end_datetime");
  if (node.has("date_ranges")) {
    if (ends)
      node["date_ranges"].reject("excludes start_datetime and end_datetime", "keep one of the two forms");
    for (auto const& range : node["date_ranges"].items()) {
      auto const both = range.items();
      if (both.size() != 2)
        range.reject("is not a pair [start, end]");
      config.ranges.emplace_back(time(both[0]), time(both[1]));
    }
    if (config.ranges.empty())
      node["date_ranges"].reject("is empty");
  } else {
    node.require<std::string>("start_datetime");
    node.require<std::string>("end_datetime");
    config.ranges.emplace_back(time(node["start_datetime"]), time(node["end_datetime"]));
  }
  for (auto const& [start, end] : config.ranges)
    if (end < start)
      node.reject(fmt::format("the range ends ({}) before it starts ({})", format_time(end, config.calendar),
                              format_time(start, config.calendar)));
  check_ranges(node, config);
}

void read_lengths(DeckNode const& node, DataConfig const* training, DataConfig& config, Problems& problems)
{
  constexpr int most_steps = 100000;
  config.history_len = node.get("history_len", training ? training->history_len : 1);
  if (config.history_len < 1 || config.history_len > most_steps)
    node["history_len"].reject(fmt::format("must be 1 to {}", most_steps));
  if (inherits(node, "forecast_len", training, training ? std::to_string(training->forecast_len) : "", problems))
    config.forecast_len = training->forecast_len;
  else
    config.forecast_len = node.require<int>("forecast_len");
  if (config.forecast_len < 1)
    node["forecast_len"].reject("must be at least 1: it counts autoregressive steps from 1",
                                "decks of the first generation counted from 0: add 1");
  if (config.forecast_len > most_steps)
    node["forecast_len"].reject(fmt::format("must be 1 to {}", most_steps));
  config.backprop_on_timestep = node.get("backprop_on_timestep", std::vector<int>{});
  for (int const step : config.backprop_on_timestep)
    if (step < 1 || step > config.forecast_len)
      node["backprop_on_timestep"].reject(
          fmt::format("step {} is not in 1 ... forecast_len = {}", step, config.forecast_len));
  if (node.has("data_clamp")) {
    auto const clamp = node["data_clamp"].as<std::vector<double>>();
    if (clamp.size() != 2 || clamp[0] >= clamp[1])
      node["data_clamp"].reject("is not [min, max]");
    config.clamp = {clamp[0], clamp[1]};
  }
}

} // namespace

std::string name_of(FieldType type)
{
  switch (type) {
  case FieldType::prognostic:
    return "prognostic";
  case FieldType::diagnostic:
    return "diagnostic";
  case FieldType::fixed:
    return "static";
  case FieldType::dynamic_forcing:
    return "dynamic_forcing";
  }
  return {};
}

DataConfig DataConfig::read(DeckNode const& node, Problems& problems, DataConfig const* training, Dates dates)
{
  DataConfig config;
  config.deck_key = node.path();
  if (!node.exists()) {
    problems.error(node.path(), "is missing",
                   "describe the data: source, start_datetime, end_datetime, timestep, forecast_len");
    return config;
  }
  if (node.has("source"))
    for (auto const& [name, source] : node["source"].entries())
      collect(problems, [&, n = name, s = source] {
        try {
          config.sources.push_back(read_source(n, s));
        } catch (Error const&) {
          s.mark_read(); // what was not come to is not unknown
          throw;
        }
      });
  else if (training)
    config.sources = training->sources;
  else
    problems.error(node["source"].path(), "is missing", "name at least one source of data");
  collect(problems, [&] {
    std::optional<Calendar> own;
    if (node.has("calendar"))
      own = parse_calendar(node.require<std::string>("calendar"), node["calendar"].path());
    if (own)
      for (auto& source : config.sources)
        source.calendar = source.calendar.value_or(*own);
    config.calendar = training ? training->calendar : find_calendar(config.sources);
    if (training && own && *own != config.calendar)
      node["calendar"].reject(fmt::format("is another than that of the training data, {}", name_of(config.calendar)));
  });
  bool const dated = node.has("start_datetime") || node.has("end_datetime") || node.has("date_ranges");
  collect(problems, [&] {
    read_timestep(node, training, config, problems);
    if (dates == Dates::optional && !dated && training)
      config.ranges = training->ranges;
    else
      read_clock(node, config);
  });
  for (auto& source : config.sources) {
    source.clock = config.calendar;
    source.time_tolerance = std::min<Duration>(60, std::max<Duration>(0, (config.timestep - 1) / 2));
  }
  collect(problems, [&] { read_lengths(node, training, config, problems); });
  for (char const* key : {"start_datetime", "end_datetime", "date_ranges", "timestep", "history_len", "forecast_len",
                          "backprop_on_timestep", "data_clamp"})
    node[key].mark_read();
  ignore(node, {"retain_graph"}, "the state is detached between steps");
  ignore(node,
         {"one_shot", "lead_time_periods", "skip_periods", "static_first", "scaler_type", "mean_path", "std_path"},
         "a key of first-generation decks");
  return config;
}

std::vector<Time> DataConfig::initial_times() const
{
  std::vector<Time> times;
  for (auto const& [start, end] : ranges)
    for (Time t = start + (history_len - 1) * timestep; t + forecast_len * timestep <= end; t += timestep)
      times.push_back(t);
  return times;
}

std::vector<Time> DataConfig::clock() const
{
  std::vector<Time> times;
  for (auto const& [start, end] : ranges)
    for (Time t = start; t <= end; t += timestep)
      times.push_back(t);
  return times;
}

} // namespace rossby
