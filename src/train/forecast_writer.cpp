#include <rossby/train/forecast_writer.hpp>

#include <rossby/core/deck.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace rossby {

namespace {
/// Positions in `entry` of the levels that the deck wants, matched to the nearest.
std::vector<int> wanted_levels(SchemaEntry const& entry, OutputConfig::Variable const& wanted)
{
  std::vector<int> positions;
  if (!wanted.levels) {
    for (int i = 0; i < entry.n_levels(); ++i)
      positions.push_back(i);
    return positions;
  }
  for (double const level : *wanted.levels) {
    auto const nearest = std::min_element(entry.levels.begin(), entry.levels.end(), [&](double a, double b) {
      return std::fabs(a - level) < std::fabs(b - level);
    });
    if (nearest == entry.levels.end() || std::fabs(*nearest - level) > 1e-3 * std::max(1.0, std::fabs(level)))
      fail("inference.output.variables", fmt::format("{} has no level {}", entry.key, level),
           "use levels of the data block");
    positions.push_back(static_cast<int>(nearest - entry.levels.begin()));
  }
  return positions;
}

std::map<std::string, std::string> attributes_of(std::string const& metadata, SchemaEntry const& entry, Dataset& data,
                                                 Time time)
{
  std::map<std::string, std::string> result;
  if (!metadata.empty()) {
    auto const node = Deck::load(metadata)[entry.variable];
    if (node.exists())
      for (auto const& [name, value] : node.entries())
        if (value.is_scalar() && name != "_FillValue")
          result[name] = value.as<std::string>();
    if (!result.empty())
      return result;
  }
  auto const file = data.raw(entry, time).file;
  io::NetcdfReader const reader(file);
  for (char const* name : {"units", "long_name", "standard_name"})
    if (auto const text = reader.text(entry.variable, name))
      result[name] = *text;
  return result;
}

std::string utc_now()
{
  std::time_t const now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

/// The level dimension of each 3-D variable: one for each set of levels.
std::map<std::vector<double>, std::string> level_dimensions(std::vector<ForecastVariable> const& variables)
{
  std::map<std::vector<double>, std::string> names;
  for (auto const& v : variables)
    if (v.is_3d && !names.count(v.levels))
      names.emplace(v.levels, names.empty() ? "level" : fmt::format("level_{}", names.size() + 1));
  return names;
}

void define_axis(io::NetcdfWriter& file, std::string const& name, index_t length, char const* axis,
                 std::map<std::string, std::string> const& attributes)
{
  file.dimension(name, length);
  file.variable(name, io::NetcdfType::float64, {name});
  file.attribute(name, "axis", std::string(axis));
  for (auto const& [key, value] : attributes)
    file.attribute(name, key, value);
}
} // namespace

std::vector<ForecastVariable> forecast_variables(OutputConfig const& config, Dataset& data, Time time)
{
  auto const& target = data.plan().schema.target;
  auto const& sources = data.plan().config.sources;
  std::vector<std::pair<SchemaEntry const*, OutputConfig::Variable>> wanted;
  if (config.variables.empty())
    for (auto const& entry : target)
      wanted.push_back({&entry, {entry.key, {}}});
  for (auto const& v : config.variables) {
    auto const found = std::find_if(target.begin(), target.end(),
                                    [&](auto const& e) { return e.key == v.name || e.variable == v.name; });
    if (found == target.end())
      fail("inference.output.variables", fmt::format("'{}' is no output variable", v.name),
           "use a name of the data block's prognostic or diagnostic variables");
    wanted.push_back({&*found, v});
  }
  std::vector<ForecastVariable> result;
  for (auto const& [entry, choice] : wanted) {
    ForecastVariable v;
    auto const same_name = std::count_if(target.begin(), target.end(),
                                         [name = entry->variable](auto const& e) { return e.variable == name; });
    v.key = entry->key;
    v.name =
        same_name > 1 ? sources[static_cast<std::size_t>(entry->source)].name + "_" + entry->variable : entry->variable;
    v.is_3d = entry->is_3d;
    for (int const position : wanted_levels(*entry, choice)) {
      v.levels.push_back(entry->levels[static_cast<std::size_t>(position)]);
      v.channels.push_back(entry->first_channel + position);
    }
    v.encoding = config.encoding_of(entry->key, entry->variable);
    std::size_t const axes = v.is_3d ? 4 : 3, chunks = v.encoding.chunksizes.size();
    if (chunks != 0 && chunks != axes)
      fail("inference.output.encoding.chunksizes",
           fmt::format("has {} lengths, but {} has {} dimensions", chunks, v.name, axes),
           fmt::format("give {} lengths of its own: encoding: {{{}: {{chunksizes: [...]}}}}", v.name, v.name));
    v.attributes = attributes_of(config.metadata, *entry, data, time);
    result.push_back(std::move(v));
  }
  return result;
}

ForecastWriter::ForecastWriter(std::string const& path, std::vector<ForecastVariable> const& variables, Place place,
                               Time initial, std::vector<Time> const& valid, std::string const& source)
    : variables_(variables), tile_(place.tile),
      file_(place.ranks.size() > 1 ? io::NetcdfWriter(path, place.ranks) : io::NetcdfWriter(path))
{
  std::map<std::string, std::string> const clock{{"units", "seconds since 1970-01-01 00:00:00"},
                                                 {"calendar", "proleptic_gregorian"}};
  auto time = clock;
  time.insert({{"standard_name", "time"}, {"long_name", "valid time"}});
  define_axis(file_, "time", static_cast<index_t>(valid.size()), "T", time);
  auto const levels = level_dimensions(variables);
  for (auto const& [values, name] : levels)
    define_axis(file_, name, static_cast<index_t>(values.size()), "Z",
                {{"long_name", "vertical level"}, {"units", "1"}});
  define_axis(file_, "latitude", place.grid.height(), "Y", {{"standard_name", "latitude"}, {"units", "degrees_north"}});
  define_axis(file_, "longitude", place.grid.width(), "X", {{"standard_name", "longitude"}, {"units", "degrees_east"}});
  file_.variable("forecast_reference_time", io::NetcdfType::float64, {});
  for (auto const& [key, value] : clock)
    file_.attribute("forecast_reference_time", key, value);
  file_.attribute("forecast_reference_time", "standard_name", "forecast_reference_time");
  file_.variable("lead_time", io::NetcdfType::float64, {"time"});
  file_.attribute("lead_time", "standard_name", "forecast_period");
  file_.attribute("lead_time", "long_name", "time since the start of the forecast");
  file_.attribute("lead_time", "units", "hours");
  std::map<std::string, index_t> lengths{{"time", static_cast<index_t>(valid.size())},
                                         {"latitude", place.grid.height()},
                                         {"longitude", place.grid.width()}};
  for (auto const& [values, name] : levels)
    lengths[name] = static_cast<index_t>(values.size());
  for (auto const& v : variables) {
    std::vector<std::string> dimensions{"time", "latitude", "longitude"};
    if (v.is_3d)
      dimensions.insert(dimensions.begin() + 1, levels.at(v.levels));
    Shape chunks = v.encoding.chunksizes; // at most the whole axis
    for (std::size_t d = 0; d < chunks.size(); ++d)
      chunks[d] = std::min(chunks[d], lengths.at(dimensions[d]));
    auto const type = v.encoding.dtype == DType::float64 ? io::NetcdfType::float64 : io::NetcdfType::float32;
    file_.variable(v.name, type, dimensions,
                   {v.encoding.zlib ? v.encoding.complevel : 0, v.encoding.shuffle, v.encoding.fletcher32, chunks});
    for (auto const& [key, value] : v.attributes)
      file_.attribute(v.name, key, value);
  }
  file_.attribute("", "Conventions", "CF-1.11");
  file_.attribute("", "title", "Forecast from " + format_time(initial) + " UTC");
  file_.attribute("", "source", source);
  file_.attribute("", "history", utc_now() + " written by rossby forecast");

  // Several ranks hold the same coordinates; writing is collective and each value may be written by all.
  std::vector<double> const when(valid.begin(), valid.end());
  file_.write("time", when);
  for (auto const& [values, name] : levels)
    file_.write(name, values);
  file_.write("latitude", place.grid.latitude);
  file_.write("longitude", place.grid.longitude);
  file_.write("forecast_reference_time", {static_cast<double>(initial)});
  std::vector<double> lead;
  for (auto const t : valid)
    lead.push_back(static_cast<double>(t - initial) / 3600);
  file_.write("lead_time", lead);
}

void ForecastWriter::write(std::vector<double> const& physical)
{
  std::size_t const cells = static_cast<std::size_t>(tile_.cells()), channels = cells ? physical.size() / cells : 0;
  for (auto const& v : variables_) {
    std::vector<double> values;
    values.reserve(cells * v.channels.size());
    for (auto const c : v.channels)
      for (std::size_t i = 0; i < cells; ++i)
        values.push_back(physical[i * channels + static_cast<std::size_t>(c)]);
    Shape start{next_, tile_.row0, tile_.col0}, count{1, tile_.rows(), tile_.cols()};
    if (v.is_3d) {
      start.insert(start.begin() + 1, 0);
      count.insert(count.begin() + 1, static_cast<index_t>(v.channels.size()));
    }
    file_.write(v.name, start, count, values);
  }
  ++next_;
}

} // namespace rossby
