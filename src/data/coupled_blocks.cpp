#include "coupled_blocks.hpp"

#include "block_arguments.hpp"
#include "physics_file.hpp"

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {
PhysicsFile open_physics(Arguments const& a, std::vector<std::string> const& names)
{
  return PhysicsFile(a.node().require<std::string>("save_loc_physics"), names[0], names[1], a.fields().grid);
}

/// True for `grid_type: sigma`, the default; false for pressure.
bool on_sigma_levels(Arguments const& a)
{
  auto const type = a.node().get("grid_type", std::string("sigma"));
  if (type != "sigma" && type != "pressure")
    a.node()["grid_type"].reject(fmt::format("'{}' is neither sigma nor pressure", type));
  return type == "sigma";
}

std::vector<std::string> physics_names(Arguments const& a)
{
  auto const names = a.node()["lon_lat_level_name"].as<std::vector<std::string>>();
  bool const sigma = on_sigma_levels(a);
  if (names.size() != (sigma ? 4u : 3u))
    a.node()["lon_lat_level_name"].reject(fmt::format("has {} names", names.size()),
                                          sigma ? "name longitude, latitude and the coefficients a and b"
                                                : "name longitude, latitude and the pressure of levels");
  return names;
}

/// `lon_lat_level_name`, `midpoint`, for variables of so many levels: pressures of levels, or a and b. They rise.
std::vector<std::vector<double>> read_levels(Arguments const& a, PhysicsFile const& file,
                                             std::vector<std::string> const& names, index_t levels)
{
  auto const& args = a.node();
  bool const midpoint = args.get("midpoint", false);
  auto const expected = static_cast<std::size_t>(levels) + (midpoint ? 1 : 0);
  std::vector<std::vector<double>> lists;
  for (std::size_t i = 2; i < names.size(); ++i) {
    lists.push_back(file.list(names[i]));
    if (lists.back().size() != expected)
      args["lon_lat_level_name"].reject(fmt::format("{} has {} values; variables of {} levels take {}", names[i],
                                                    lists.back().size(), levels, expected),
                                        midpoint ? "midpoint: true wants values at the interfaces of the levels"
                                                 : "or set midpoint: true");
  }
  auto const pressure = [&](std::size_t k) { return lists[0][k] + (lists.size() > 1 ? 1e5 * lists[1][k] : 0); };
  for (std::size_t k = 0; k + 1 < expected; ++k)
    if (!(pressure(k) < pressure(k + 1)))
      args["lon_lat_level_name"].reject(
          fmt::format("pressure does not rise from value {} to {}", k, k + 1),
          "give levels from the top down (a and pressures in Pa, b without unit), in the order of the data's levels");
  return lists;
}

/// The columns that a block integrates over.
Columns read_columns(Arguments const& a, PhysicsFile const& file, std::vector<std::string> const& names, index_t levels)
{
  auto const& args = a.node();
  if (auto const source = args.get("input_source_key", std::string("x_physical")); source != "x_physical")
    args["input_source_key"].reject(fmt::format("'{}' is not offered", source), "use x_physical");
  bool const midpoint = args.get("midpoint", false);
  auto const lists = read_levels(a, file, names, levels);
  Columns columns{file.areas(), level_weights(lists[0], midpoint), {}};
  columns.b = lists.size() > 1 ? level_weights(lists[1], midpoint) : std::vector<double>(columns.a.size(), 0.0);
  return columns;
}

/// The variable at `key` on sigma levels. On pressure levels nothing depends on it: any channel stands for it.
ChannelRange pressure_y(Arguments const& a) { return on_sigma_levels(a) ? a.surface_y("sp_var") : ChannelRange{0, 1}; }
ChannelRange pressure_x(Arguments const& a) { return on_sigma_levels(a) ? a.surface_x("sp_var") : ChannelRange{0, 1}; }

double read_seconds(Arguments const& a)
{
  auto const hours = a.node().require<double>("lead_time_periods");
  if (!(hours >= 1) || hours != std::floor(hours))
    a.node()["lead_time_periods"].reject(fmt::format("is {:g}", hours), "give the hours of a time step");
  return 3600 * hours;
}

MassFixer read_mass(Arguments const& a)
{
  MassFixer block;
  block.q = a.y("q_var");
  block.pressure = pressure_y(a);
  block.input_q = a.same_levels(a.x("q_var"), block.q, "q_var");
  block.input_pressure = pressure_x(a);
  auto const names = physics_names(a);
  block.columns = read_columns(a, open_physics(a, names), names, block.q.count);
  return block;
}

/// Levels from the `fix_level_num`-th above the ground on change, those above stay.
HumidityFixer read_humidity(Arguments const& a)
{
  HumidityFixer block;
  block.q = a.y("q_var");
  block.input_q = a.same_levels(a.x("q_var"), block.q, "q_var");
  auto const names = physics_names(a);
  auto const file = open_physics(a, names);
  block.columns = read_columns(a, file, names, block.q.count);
  bool const midpoint = a.node().get("midpoint", false);
  auto const pressure = read_levels(a, file, names, block.q.count).front();
  auto const n = static_cast<int>(pressure.size()), from_ground = a.node().require<int>("fix_level_num"),
             cut = n - from_ground + 1;
  // Integrals over [0, cut) and from first_fixed on, each by itself.
  block.first_fixed = midpoint ? cut : cut - 1;
  if (cut < 1 || block.first_fixed + (midpoint ? 0 : 1) >= block.q.count)
    a.node()["fix_level_num"].reject(
        fmt::format("is {}, which leaves no layer to change of {} pressures", from_ground, n),
        "count levels from the ground");
  auto const part = [&](index_t begin, index_t end) {
    std::vector<double> weights(static_cast<std::size_t>(block.q.count), 0.0);
    auto const all = level_weights(pressure, midpoint);
    auto const at = pressure.begin();
    auto const own = midpoint ? std::vector<double>(all.begin() + begin, all.begin() + end)
                              : level_weights({at + begin, at + end}, false);
    std::copy(own.begin(), own.end(), weights.begin() + begin);
    return weights;
  };
  block.held = part(0, cut);
  block.fixed = part(block.first_fixed, block.q.count);
  return block;
}

WaterFixer read_water(Arguments const& a)
{
  WaterFixer block;
  block.q = a.y("q_var");
  block.pressure = pressure_y(a);
  block.precipitation = a.surface_y("precip_var");
  block.evaporation = a.surface_y("evapor_var");
  block.input_q = a.same_levels(a.x("q_var"), block.q, "q_var");
  block.input_pressure = pressure_x(a);
  block.seconds = read_seconds(a);
  auto const names = physics_names(a);
  block.columns = read_columns(a, open_physics(a, names), names, block.q.count);
  return block;
}

/// The fluxes through top and surface, both downwards. CREDIT's second generation: those of the top in W m-2, those of
/// the surface in J m-2 over the step, and turbulent ones (SH, LH) with a plus. Its first generation has them all in J
/// m-2, the sun's among the prediction, and either net fluxes or a minus before turbulent ones: `top_fluxes:
/// accumulated`, `turbulent_fluxes: upward`, `toa_down_solar_var` and the names of net fluxes say so.
void read_fluxes(Arguments const& a, EnergyFixer& block)
{
  auto const& args = a.node();
  auto const is = [&](char const* key, char const* usual, char const* other) {
    auto const word = args.get(key, std::string(usual));
    if (word != usual && word != other)
      args[key].reject(fmt::format("'{}' is neither {} nor {}", word, usual, other));
    return word == other;
  };
  double const mean = 1 / block.seconds, top = is("top_fluxes", "per_second", "accumulated") ? mean : 1,
               turbulent = is("turbulent_fluxes", "downward", "upward") ? -mean : mean;
  auto const flux = [&](char const* key, double factor) { return Flux{false, a.surface_y(key).first, factor}; };
  if (args.has("toa_solar_var")) {
    block.top = {flux("toa_solar_var", mean), flux("toa_olr_var", mean)};
    block.surface = {flux("surf_solar_var", mean), flux("surf_lw_var", mean)};
  } else {
    // A name of its own: nvcc 13 ends with a segmentation fault at this choice inside the braces below.
    auto const sun = args.has("toa_down_solar_var") ? flux("toa_down_solar_var", top)
                                                    : Flux{true, a.surface_x("toa_down_solar_input_var").first, top};
    block.top = {sun, flux("toa_up_solar_var", -top), flux("toa_up_olr_var", -top)};
    block.surface = {flux("surf_down_solar_var", mean), flux("surf_up_solar_var", -mean),
                     flux("surf_down_lw_var", mean), flux("surf_up_lw_var", -mean)};
  }
  block.surface.push_back(flux("surf_sh_var", turbulent));
  block.surface.push_back(flux("surf_lh_var", turbulent));
}

EnergyFixer read_energy(Arguments const& a)
{
  EnergyFixer block;
  block.T = a.y("T_var");
  block.q = a.same_levels(a.y("q_var"), block.T, "q_var");
  block.u = a.same_levels(a.y("U_var"), block.T, "U_var");
  block.v = a.same_levels(a.y("V_var"), block.T, "V_var");
  block.pressure = pressure_y(a);
  block.input_T = a.same_levels(a.x("T_var"), block.T, "T_var");
  block.input_q = a.same_levels(a.x("q_var"), block.T, "q_var");
  block.input_u = a.same_levels(a.x("U_var"), block.T, "U_var");
  block.input_v = a.same_levels(a.x("V_var"), block.T, "V_var");
  block.input_pressure = pressure_x(a);
  block.seconds = read_seconds(a);
  read_fluxes(a, block);
  auto const names = physics_names(a);
  auto const file = open_physics(a, names);
  block.columns = read_columns(a, file, names, block.T.count);
  auto const geopotential = a.node()["surface_geopotential_name"].as<std::vector<std::string>>();
  if (geopotential.empty())
    a.node()["surface_geopotential_name"].reject("names no variable");
  block.surface_geopotential = file.field(geopotential.front());
  return block;
}

index_t odd(Arguments const& a, char const* key, int fallback)
{
  int const n = a.node().get(key, fallback);
  if (n < 1 || n % 2 == 0)
    a.node()[key].reject(fmt::format("is {}", n), "give an odd number of cells");
  return n;
}

double sigma(Arguments const& a, char const* key, double fallback)
{
  double const s = a.node().get(key, fallback);
  if (!(s > 0 && s < 1e4))
    a.node()[key].reject(fmt::format("is {:g}", s), "give a number of cells above 0");
  return s;
}

WindFilter read_wind_filter(Arguments const& a)
{
  auto const& args = a.node();
  WindFilter block;
  auto const u = a.y("u_var"), v = a.same_levels(a.y("v_var"), u, "v_var");
  index_t const level = args.get("mask_level", 14);
  if (level < 0 || level >= u.count)
    args["mask_level"].reject(fmt::format("is {}; u_var has levels 0 to {}", level, u.count - 1));
  block.u = u.first + level;
  block.v = v.first + level;
  std::vector<int> levels{9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  levels = args.get("target_levels", levels);
  for (auto const& name : args["target_vars"].as<std::vector<std::string>>()) {
    auto const range = range_of(find(a.fields().schema.target, {}, name, args["target_vars"]));
    for (int const k : levels)
      if (k >= 0 && k < range.count)
        block.channels.push_back(range.first + k);
      else
        a.problems().warning(args.path() + ".target_levels",
                             fmt::format("{} has no level {}, which is left out", name, k));
  }
  std::sort(block.channels.begin(), block.channels.end());
  block.channels.erase(std::unique(block.channels.begin(), block.channels.end()), block.channels.end());
  if (block.channels.empty())
    args["target_levels"].reject("names no level of target_vars");
  block.threshold = args.get("speed_threshold", 3.0193274566643846);
  double const both = sigma(a, "smooth_sigma", 1);
  block.sigma_rows = sigma(a, "smooth_sigma_meridional", both);
  block.sigma_columns = sigma(a, "smooth_sigma_zonal", both);
  block.dilation_rows = odd(a, "dilation_meridional", 5);
  block.dilation_columns = odd(a, "dilation_zonal", 13);
  block.falloff = sigma(a, "falloff_sigma", 4);
  block.preserve_amplitude = args.get("preserve_amplitude", false);
  return block;
}
} // namespace

std::vector<std::string> const& coupled_block_types()
{
  static std::vector<std::string> const types{
      "global_mass_fixer",          "global_water_fixer",         "global_energy_fixer",
      "global_energy_fixer_updown", "wind_artifact_filter",       "mslp_diagnostic",
      "geopotential_diagnostic",    "pressure_interp_diagnostic", "hybrid_level_interp"};
  return types;
}

std::optional<CoupledBlock> read_coupled_block(std::string const& type, DeckNode const& entry, DeckNode const& args,
                                               BlockFields& fields, Problems& problems)
{
  Arguments const a(args, fields, problems);
  if (type == "global_mass_fixer" && on_sigma_levels(a)) {
    if (args.has("fix_level_num")) {
      args["fix_level_num"].mark_read();
      problems.warning(args.path() + ".fix_level_num", "is ignored: it has a meaning on pressure levels only");
    }
    return CoupledBlock{entry.path(), read_mass(a)};
  }
  if (type == "global_mass_fixer")
    return CoupledBlock{entry.path(), read_humidity(a)};
  if (type == "global_water_fixer")
    return CoupledBlock{entry.path(), read_water(a)};
  if (type == "global_energy_fixer" || type == "global_energy_fixer_updown")
    return CoupledBlock{entry.path(), read_energy(a)};
  if (type == "wind_artifact_filter")
    return CoupledBlock{entry.path(), read_wind_filter(a)};
  if (type == "mslp_diagnostic")
    return CoupledBlock{entry.path(), read_sea_level_pressure(a, fields)};
  if (type == "geopotential_diagnostic")
    return CoupledBlock{entry.path(), read_geopotential(a, fields)};
  if (type == "pressure_interp_diagnostic")
    return CoupledBlock{entry.path(), read_pressure_interpolation(a, fields)};
  if (type == "hybrid_level_interp")
    return CoupledBlock{entry.path(), read_hybrid_interpolation(a, fields)};
  return std::nullopt;
}

} // namespace rossby
