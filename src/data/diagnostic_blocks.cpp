// Diagnostics and interpolations: blocks that add fields.
#include "block_arguments.hpp"
#include "ifs_levels.hpp"

#include "io/array_reader.hpp"

#include <algorithm>
#include <filesystem>
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

struct Coefficients {
  std::vector<double> a, b;
};

Coefficients midpoints(Coefficients const& c)
{
  Coefficients m;
  for (std::size_t k = 0; k + 1 < c.a.size(); ++k) {
    m.a.push_back(0.5 * (c.a[k] + c.a[k + 1]));
    m.b.push_back(0.5 * (c.b[k] + c.b[k + 1]));
  }
  return m;
}

/// Vertical coordinates of a file. One variable of two rows holds both. Where there is no file of the name that
/// CREDIT's package has for ERA5's levels, these are known.
Coefficients read_coefficients(DeckNode const& file_key, std::string const& file, std::string const& a_name,
                               std::string const& b_name)
{
  if (!std::filesystem::exists(file) && file == "ERA5_Lev_Info.nc") {
    Coefficients const half{ifs_137_a(), ifs_137_b()};
    if (a_name == "a_half" && b_name == "b_half")
      return half;
    if (a_name == "a_model" && b_name == "b_model")
      return midpoints(half);
  }
  if (!std::filesystem::exists(file))
    file_key.reject(fmt::format("{} does not exist", file),
                    file.find('/') == std::string::npos
                        ? "a bare name is a file of CREDIT's package (credit/metadata): name a copy of it by its path"
                        : "name a file with the coefficients a and b of p = a + b p_s");
  io::ArrayReader const reader(file);
  Coefficients c{reader.read(a_name), reader.read(b_name)};
  if (a_name == b_name && reader.variable(a_name).shape.size() == 2) {
    auto const n = static_cast<std::size_t>(reader.variable(a_name).shape[1]);
    c.b.erase(c.b.begin(), c.b.begin() + static_cast<std::ptrdiff_t>(std::min(n, c.b.size())));
    c.a.resize(n);
    c.b.resize(std::min(n, c.b.size()));
  }
  if (c.a.size() != c.b.size() || c.a.size() < 2)
    fail(file, fmt::format("{} has {} values, {} has {}", a_name, c.a.size(), b_name, c.b.size()),
         "name coefficients a and b of the same levels");
  return c;
}

/// Of a 1-based list of levels, the coefficients; of an empty one all.
Coefficients chosen(Coefficients const& all, std::vector<int> const& levels, DeckNode const& where)
{
  if (levels.empty())
    return all;
  Coefficients c;
  for (int const level : levels) {
    if (level < 1 || level > static_cast<int>(all.a.size()))
      where.reject(fmt::format("holds level {}; there are {}", level, all.a.size()));
    c.a.push_back(all.a[static_cast<std::size_t>(level - 1)]);
    c.b.push_back(all.b[static_cast<std::size_t>(level - 1)]);
  }
  return c;
}

/// By rising pressure; returns whether that turned them round.
bool sort_by_pressure(Coefficients& c, std::string const& file)
{
  auto const pressure = [&](std::size_t k) { return c.a[k] + 101325 * c.b[k]; };
  bool const reversed = pressure(0) > pressure(c.a.size() - 1);
  if (reversed) {
    std::reverse(c.a.begin(), c.a.end());
    std::reverse(c.b.begin(), c.b.end());
  }
  for (std::size_t k = 0; k + 1 < c.a.size(); ++k)
    if (!(pressure(k) < pressure(k + 1)))
      fail(file, "the pressure of its levels neither rises nor falls all the way",
           "look at the names of the coefficients a and b");
  return reversed;
}

void expect_levels(Arguments const& a, std::string const& key, ChannelRange range, std::size_t count)
{
  if (static_cast<std::size_t>(range.count) != count)
    a.node()[key].reject(fmt::format("has {} levels, the coefficients describe {}", range.count, count),
                         "choose levels: the 1-based numbers of the data's levels in the coefficients' file");
}

/// One side of hybrid_level_interp, "source_" or "dest_".
Coefficients read_side(DeckNode const& args, std::string const& side, std::string const& file)
{
  auto c = read_coefficients(args[side + "level_info_file"], file, args.get(side + "a_var", std::string("a_half")),
                             args.get(side + "b_var", std::string("b_half")));
  if (args.get(side + "on_interfaces", true))
    c = midpoints(c);
  return chosen(c, args.get(side + "levels", std::vector<int>{}), args[side + "levels"]);
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
  args.get("chunk_size", 0);
  std::string const file = args.require<std::string>("source_level_info_file");
  auto source = read_side(args, "source_", file);
  block.reversed = sort_by_pressure(source, file);
  auto const to = read_side(args, "dest_", args.get("dest_level_info_file", std::string("ERA5_Lev_Info.nc")));
  block.a = source.a;
  block.b = source.b;
  block.to_a = to.a;
  block.to_b = to.b;
  std::vector<double> levels;
  for (std::size_t k = 0; k < to.a.size(); ++k)
    levels.push_back(static_cast<double>(k + 1));
  for (auto const& name : args["variables"].as<std::vector<std::string>>()) {
    SchemaEntry const from = find(fields.schema.target, fields.derived, name, args["variables"]);
    if (static_cast<std::size_t>(from.n_levels()) != source.a.size())
      args["variables"].reject(
          fmt::format("{} has {} levels, the source coefficients describe {}", name, from.n_levels(), source.a.size()));
    block.variables.push_back({range_of(from), derive(fields, from, from.key, levels, true, args["variables"])});
  }
  return block;
}

} // namespace rossby
