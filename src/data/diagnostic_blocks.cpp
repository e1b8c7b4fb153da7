// Diagnostics and interpolations: blocks that add fields.
#include "block_arguments.hpp"
#include "hybrid_levels.hpp"

#include <algorithm>
#include <utility>

namespace rossby {

namespace {
/// Adds a field of `levels` beside those of the block's variable `beside`, from whose source it is. \throws Error when
/// the key is taken.
ChannelRange derive(BlockFields& fields, SchemaEntry const& beside, std::string const& key, std::vector<double> levels,
                    bool replaces, DeckNode const& where)
{
  index_t next = fields.schema.target_channels();
  for (auto const& e : fields.derived)
    next += e.n_levels();
  for (auto const* list : {&fields.schema.target, &std::as_const(fields.derived)})
    for (auto const& e : *list)
      if (e.key == key && !replaces)
        where.reject(fmt::format("{} is there already", key), "choose another name");
  SchemaEntry entry = beside;
  entry.key = key;
  entry.variable = key.substr(key.rfind('/') + 1);
  entry.type = FieldType::diagnostic;
  entry.is_3d = key.find("/3d/") != std::string::npos;
  entry.levels = std::move(levels);
  entry.first_channel = static_cast<int>(next);
  fields.derived.push_back(entry);
  return range_of(entry);
}

/// The channel of x that the surface geopotential is in.
index_t surface_geopotential(Arguments const& a)
{
  if (auto const source = a.node().get("static_source_key", std::string("ic_raw")); source != "ic_raw")
    a.node()["static_source_key"].reject(fmt::format("'{}' is not offered", source), "use ic_raw");
  return a.surface_x("surface_geopotential_var").first;
}

void expect_levels(Arguments const& a, std::string const& key, ChannelRange range, std::size_t count)
{
  if (static_cast<std::size_t>(range.count) != count)
    a.node()[key].reject(fmt::format("has {} levels, the coefficients describe {}", range.count, count),
                         "choose levels: the 1-based numbers of the data's levels in the coefficients' file");
}
} // namespace

SeaLevelPressure read_sea_level_pressure(Arguments const& a, BlockFields& fields)
{
  SeaLevelPressure block;
  block.pressure = a.surface_y("surface_pressure_var");
  block.temperature = a.surface_y("temperature_var");
  block.surface_geopotential = surface_geopotential(a);
  auto const& beside = a.entry("surface_pressure_var");
  block.output = derive(
      fields, beside, a.node().get("output_name", source_of(beside) + "/derived_diagnostic/2d/mean_sea_level_pressure"),
      {0}, false, a.node());
  return block;
}

GeopotentialDiagnostic read_geopotential(Arguments const& a, BlockFields& fields)
{
  auto const& args = a.node();
  GeopotentialDiagnostic block;
  block.pressure = a.surface_y("surface_pressure_var");
  block.T = a.y("temperature_var");
  block.q = a.same_levels(a.y("specific_humidity_var"), block.T, "specific_humidity_var");
  block.surface_geopotential = surface_geopotential(a);
  block.from_last = args.get("flip_vertical", true);
  args.get("chunk_size", 0); // memory of another engine
  std::string const file = args.get("level_info_file", std::string("ERA5_Lev_Info.nc"));
  auto const half =
      read_coefficients(args["level_info_file"], file, args.get("model_a_half_var", std::string("a_half")),
                        args.get("model_b_half_var", std::string("b_half")));
  auto levels = args.get("levels", std::vector<int>{});
  if (!levels.empty())
    levels.push_back(levels.back() + 1); // the interface below the last one
  auto const c = chosen(half, levels, args["levels"]);
  expect_levels(a, "temperature_var", block.T, c.a.size() - 1);
  block.a_half = c.a;
  block.b_half = c.b;
  auto const& beside = a.entry("temperature_var");
  block.output =
      derive(fields, beside, args.get("output_name", source_of(beside) + "/derived_diagnostic/3d/geopotential"),
             beside.levels, false, args);
  return block;
}

PressureInterpolation read_pressure_interpolation(Arguments const& a, BlockFields& fields)
{
  auto const& args = a.node();
  PressureInterpolation block;
  block.pressure = a.surface_y("surface_pressure_var");
  block.surface_geopotential = surface_geopotential(a);
  block.height = args.get("temp_height", 150.0);
  args.get("chunk_size", 0);
  std::string const file = args.get("level_info_file", std::string("ERA5_Lev_Info.nc"));
  auto c = chosen(read_coefficients(args["level_info_file"], file, args.get("model_a_var", std::string("a_model")),
                                    args.get("model_b_var", std::string("b_model"))),
                  args.get("levels", std::vector<int>{}), args["levels"]);
  block.reversed = sort_by_pressure(c, file);
  block.a = c.a;
  block.b = c.b;
  auto const levels = args.get("pressure_levels", std::vector<double>{500, 850}); // hPa
  for (double const level : levels) {
    if (!(level > 0))
      args["pressure_levels"].reject(fmt::format("holds {:g}", level), "give pressures in hPa");
    block.pressures.push_back(100 * level);
  }
  std::string const suffix = args.get("output_suffix", std::string("_PRES"));
  auto const interpolated = [&](std::string const& name, DeckNode const& where) {
    SchemaEntry const from = find(fields.schema.target, fields.derived, name, where);
    if (static_cast<std::size_t>(from.n_levels()) != c.a.size())
      where.reject(fmt::format("{} has {} levels, the coefficients describe {}", name, from.n_levels(), c.a.size()),
                   "choose levels: the 1-based numbers of the data's levels in the coefficients' file");
    std::string const key = source_of(from) + "/derived_diagnostic/3d/" + from.variable + suffix;
    return Interpolated{range_of(from), derive(fields, from, key, levels, false, where)};
  };
  for (auto const& name : args["interp_variables"].as<std::vector<std::string>>())
    block.held.push_back(interpolated(name, args["interp_variables"]));
  block.T = interpolated(args.require<std::string>("temperature_var"), args["temperature_var"]);
  block.geopotential = interpolated(args.require<std::string>("geopotential_var"), args["geopotential_var"]);
  return block;
}

HybridInterpolation read_hybrid_interpolation(Arguments const& a, BlockFields& fields)
{
  auto const& args = a.node();
  HybridInterpolation block;
  block.pressure = a.surface_y("surface_pressure_var");
  auto const change = read_level_change(args);
  block.reversed = change.reversed;
  block.a = change.from.a;
  block.b = change.from.b;
  block.to_a = change.to.a;
  block.to_b = change.to.b;
  for (auto const& name : args["variables"].as<std::vector<std::string>>()) {
    SchemaEntry const from = find(fields.schema.target, fields.derived, name, args["variables"]);
    if (static_cast<std::size_t>(from.n_levels()) != block.a.size())
      args["variables"].reject(
          fmt::format("{} has {} levels, the source coefficients describe {}", name, from.n_levels(), block.a.size()));
    block.variables.push_back(
        {range_of(from), derive(fields, from, from.key, change.numbers, true, args["variables"])});
  }
  return block;
}

} // namespace rossby
