#include "forecast_attributes.hpp"

#include "computed_fields.hpp"

#include "io/array_reader.hpp"
#include "train/cf_attributes.hpp"
#include <rossby/core/deck.hpp>
#include <rossby/data/dataset.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <initializer_list>

namespace rossby {

namespace {
using Attributes = std::map<std::string, std::string>;

/// Of short names that mean one thing when they have these units.
struct KnownName {
  char const *name, *units, *standard_name;
};
constexpr KnownName known_names[] = {{"t", "K", "air_temperature"},
                                     {"T", "K", "air_temperature"},
                                     {"t2m", "K", "air_temperature"},
                                     {"T2M", "K", "air_temperature"},
                                     {"u", "m s-1", "eastward_wind"},
                                     {"U", "m s-1", "eastward_wind"},
                                     {"u10", "m s-1", "eastward_wind"},
                                     {"v", "m s-1", "northward_wind"},
                                     {"V", "m s-1", "northward_wind"},
                                     {"v10", "m s-1", "northward_wind"},
                                     {"q", "kg kg-1", "specific_humidity"},
                                     {"Q", "kg kg-1", "specific_humidity"},
                                     {"z", "m2 s-2", "geopotential"},
                                     {"sp", "Pa", "surface_air_pressure"},
                                     {"SP", "Pa", "surface_air_pressure"},
                                     {"ps", "Pa", "surface_air_pressure"},
                                     {"msl", "Pa", "air_pressure_at_mean_sea_level"},
                                     {"sst", "K", "sea_surface_temperature"}};

/// "m s**-1" (GRIB's way), "m s^-1" and "m/s" as "m s-1".
std::string plain_units(std::string units)
{
  for (char const* power : {"**", "^"})
    for (auto at = units.find(power); at != std::string::npos; at = units.find(power))
      units.erase(at, std::string(power).size());
  return units == "m/s" ? "m s-1" : units == "kg/kg" ? "kg kg-1" : units;
}

/// What tools write where they know nothing is no name, and no unit.
void tidy(Attributes& attributes, std::string const& name)
{
  if (auto const found = attributes.find("standard_name"); found != attributes.end() && found->second == "unknown")
    attributes.erase(found);
  auto const units = attributes.find("units");
  if (units == attributes.end())
    return;
  if (units->second == "(0 - 1)" || units->second == "~")
    units->second = "1";
  for (auto const& known : known_names)
    if (name == known.name && plain_units(units->second) == known.units)
      attributes.emplace("standard_name", known.standard_name);
}

Attributes some_of(io::ArrayReader const& reader, std::string const& variable, std::initializer_list<char const*> names)
{
  Attributes result;
  for (char const* name : names)
    if (auto const text = reader.text(variable, name))
      result[name] = *text;
  return result;
}

Attributes from_metadata(std::string const& metadata, std::string const& variable)
{
  Attributes result;
  if (auto const known = find_attributes(metadata, variable))
    for (auto const& [name, value] :
         {std::make_pair("units", known->units), std::make_pair("long_name", known->long_name),
          std::make_pair("standard_name", known->standard_name)})
      if (!value.empty())
        result[name] = value;
  if (metadata.empty() || is_attribute_table(metadata))
    return result;
  if (auto const node = Deck::load(metadata)[variable]; node.exists())
    for (auto const& [name, value] : node.entries())
      if (value.is_scalar() && name != "_FillValue" && name != "coordinates")
        result[name] = value.as<std::string>();
  return result;
}

/// Every level is among the values: they are in the same unit.
bool holds(std::vector<double> const& values, std::vector<double> const& levels)
{
  return std::all_of(levels.begin(), levels.end(), [&](double level) {
    return std::any_of(values.begin(), values.end(),
                       [&](double v) { return std::abs(v - level) <= 1e-6 * std::abs(level); });
  });
}

/// Of a vertical coordinate as the data have it. Levels that say nothing are counted downwards.
Attributes level_attributes_of(io::ArrayReader const& reader, std::string const& variable,
                               std::string const& coordinate, std::vector<double> const& levels)
{
  Attributes result;
  std::vector<std::string> candidates{coordinate};
  if (reader.has(variable))
    for (auto const& dimension : reader.variable(variable).dimensions)
      candidates.push_back(dimension);
  for (auto const& name : candidates)
    if (result.empty() && reader.has(name) && reader.variable(name).dimensions.size() == 1 &&
        (name == coordinate || reader.text(name, "positive")) && holds(reader.read(name), levels))
      result = some_of(reader, name, {"units", "positive", "standard_name", "long_name"});
  tidy(result, "");
  std::string const units = result.count("units") ? result.at("units") : "";
  bool const pressure = units == "Pa" || units == "hPa" || units == "mbar" || units == "mb" || units == "millibar" ||
                        units == "millibars";
  if (pressure)
    result.emplace("standard_name", "air_pressure");
  if (units.empty() || units == "1" || pressure)
    result.emplace("positive", "down");
  result.emplace("units", "1");
  result.emplace("long_name", "vertical level");
  return result;
}

/// The variable of the data; a postblock may have changed its levels and channels, or have added it.
SchemaEntry const* find_own(DataPlan const& plan, SchemaEntry const& entry)
{
  auto const& target = plan.schema.target;
  auto const own = std::find_if(target.begin(), target.end(), [&](auto const& e) { return e.key == entry.key; });
  return own == target.end() ? nullptr : &*own;
}

Attributes attributes_of(std::string const& metadata, SchemaEntry const& entry, Dataset& data, Time time)
{
  Attributes result = from_metadata(metadata, entry.variable);
  auto const* const own = find_own(data.plan(), entry);
  if (result.empty() && !own)
    return computed_attributes(data.plan(), entry,
                               [&](SchemaEntry const& from) { return attributes_of(metadata, from, data, time); });
  if (result.empty())
    if (auto const file = data.raw(*own, time).file; std::filesystem::exists(file))
      result = some_of(io::ArrayReader(file), own->in_files(), {"units", "long_name", "standard_name"});
  tidy(result, entry.variable);
  return result;
}
} // namespace

void describe(ForecastVariable& v, std::string const& metadata, SchemaEntry const& entry, Dataset& data, Time time)
{
  v.attributes = attributes_of(metadata, entry, data, time);
  auto const own = find_own(data.plan(), entry);
  if (own && data.plan().interpolated.count(own->key) > 0) // files have other levels
    v.level_attributes = {{"units", "1"},
                          {"positive", "down"},
                          {"standard_name", "model_level_number"},
                          {"long_name", "hybrid level of the model"}};
  else if (own && own->levels == entry.levels)
    if (auto const file = data.raw(*own, time).file; std::filesystem::exists(file)) // not a host program's field
      v.level_attributes = level_attributes_of(
          io::ArrayReader(file), own->in_files(),
          data.plan().config.sources[static_cast<std::size_t>(entry.source)].level_coord, entry.levels);
  if (v.level_attributes.empty())
    v.level_attributes = {{"units", "1"}, {"positive", "down"}, {"long_name", "vertical level"}};
}

} // namespace rossby
