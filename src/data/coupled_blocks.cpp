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

std::vector<std::string> physics_names(Arguments const& a)
{
  auto const names = a.node()["lon_lat_level_name"].as<std::vector<std::string>>();
  if (names.size() != 4)
    a.node()["lon_lat_level_name"].reject(fmt::format("has {} names", names.size()),
                                          "name longitude, latitude and the coefficients a and b");
  return names;
}

/// `save_loc_physics`, `lon_lat_level_name`, `grid_type`, `midpoint`, for variables of so many levels.
Columns read_columns(Arguments const& a, PhysicsFile const& file, std::vector<std::string> const& names, index_t levels)
{
  auto const& args = a.node();
  if (auto const type = args.get("grid_type", std::string("sigma")); type != "sigma")
    args["grid_type"].reject(fmt::format("'{}' is not offered", type),
                             "use sigma; on pressure levels CREDIT's own block raises");
  if (auto const source = args.get("input_source_key", std::string("x_physical")); source != "x_physical")
    args["input_source_key"].reject(fmt::format("'{}' is not offered", source), "use x_physical");
  if (args.has("fix_level_num")) {
    args["fix_level_num"].mark_read();
    a.problems().warning(args.path() + ".fix_level_num", "is ignored: it has a meaning on pressure levels only");
  }
  bool const midpoint = args.get("midpoint", false);
  auto const coefficients_a = file.list(names[2]), coefficients_b = file.list(names[3]);
  auto const expected = static_cast<std::size_t>(levels) + (midpoint ? 1 : 0);
  if (coefficients_a.size() != expected || coefficients_b.size() != expected)
    args["lon_lat_level_name"].reject(
        fmt::format("{} and {} have {} and {} values; variables of {} levels take {}", names[2], names[3],
                    coefficients_a.size(), coefficients_b.size(), levels, expected),
        midpoint ? "midpoint: true wants coefficients at the interfaces of the levels" : "or set midpoint: true");
  for (std::size_t k = 0; k + 1 < expected; ++k)
    if (!(coefficients_a[k] + 1e5 * coefficients_b[k] < coefficients_a[k + 1] + 1e5 * coefficients_b[k + 1]))
      args["lon_lat_level_name"].reject(
          fmt::format("the pressure of {} and {} does not rise from value {} to {}", names[2], names[3], k, k + 1),
          "give the coefficients from the top down, in Pa and without unit, in the order of the data's levels");
  return {file.areas(), level_weights(coefficients_a, midpoint), level_weights(coefficients_b, midpoint)};
}

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
  block.pressure = a.surface_y("sp_var");
  block.input_q = a.same_levels(a.x("q_var"), block.q, "q_var");
  block.input_pressure = a.surface_x("sp_var");
  auto const names = physics_names(a);
  block.columns = read_columns(a, open_physics(a, names), names, block.q.count);
  return block;
}

WaterFixer read_water(Arguments const& a)
{
  WaterFixer block;
  block.q = a.y("q_var");
  block.pressure = a.surface_y("sp_var");
  block.precipitation = a.surface_y("precip_var");
  block.evaporation = a.surface_y("evapor_var");
  block.input_q = a.same_levels(a.x("q_var"), block.q, "q_var");
  block.input_pressure = a.surface_x("sp_var");
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
    block.top = {args.has("toa_down_solar_var") ? flux("toa_down_solar_var", top)
                                                : Flux{true, a.surface_x("toa_down_solar_input_var").first, top},
                 flux("toa_up_solar_var", -top), flux("toa_up_olr_var", -top)};
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
  block.pressure = a.surface_y("sp_var");
  block.input_T = a.same_levels(a.x("T_var"), block.T, "T_var");
  block.input_q = a.same_levels(a.x("q_var"), block.T, "q_var");
  block.input_u = a.same_levels(a.x("U_var"), block.T, "U_var");
  block.input_v = a.same_levels(a.x("V_var"), block.T, "V_var");
  block.input_pressure = a.surface_x("sp_var");
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
  if (type == "global_mass_fixer")
    return CoupledBlock{entry.path(), read_mass(a)};
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
