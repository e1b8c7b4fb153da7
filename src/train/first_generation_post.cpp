// `model.post_conf` becomes postblocks: the first generation corrected the output within the model, so that loss,
// metrics and the next step saw it. Here that is a chain to physical units, the corrections in their fixed order, and
// flatten_to_tensor, which makes the normalised output anew for the loss.
#include "first_generation_parts.hpp"

#include <fmt/format.h>

namespace rossby::first_generation {

namespace {
std::string const chain = "postblocks.per_step";

class PostBlocks {
public:
  PostBlocks(Work& work, DeckBlock const& post) : work_(work), post_(post) {}

  void translate()
  {
    bool any = false;
    for (char const* name : {"tracer_fixer", "skebs", "global_mass_fixer", "global_water_fixer", "global_energy_fixer",
                             "global_energy_fixer_updown"})
      any = any || is_active(name);
    if (!any)
      return;
    if (is_active("skebs"))
      return refuse(work_, "postblocks", post_.child("skebs"), "stochastic backscatter is not offered",
                    "set activate: false");
    bool scaled = false;
    if (post_("requires_scaling", scaled) && scaled)
      return refuse(work_, "postblocks", post_.child("requires_scaling"), "is true, which is not offered",
                    "bring the fluxes to J m-2 over a step (water: m) in the files");
    work_.out.set(chain + ".reconstruct", "{type: reconstruct, args: {detach: false}}");
    put_statistics("denormalise", "era5_normalizer");
    if (is_active("tracer_fixer"))
      put_tracer(post_.block("tracer_fixer"));
    if (is_active("global_mass_fixer"))
      put_mass();
    if (is_active("global_water_fixer"))
      put_water();
    if (is_active("global_energy_fixer"))
      put_energy();
    if (is_active("global_energy_fixer_updown"))
      put_energy_updown();
    put_statistics("flatten", "flatten_to_tensor");
    work_.out.written_as("postblocks", post_.node().path());
    work_.out.comment("postblocks",
                      "model.post_conf: inside the model it corrected what the loss and the next step see, "
                      "and so it does here, by flatten_to_tensor");
  }

private:
  bool is_active(std::string const& name)
  {
    auto const block = post_.child(name);
    bool active = false;
    return block.is_map() && DeckBlock(block, work_.problems)("activate", active) && active;
  }

  /// A block with the files of means and deviations that the input has; none where data come normalised.
  void put_statistics(std::string const& name, std::string const& type)
  {
    bool const has = !work_.mean_path.empty();
    if (!has && type == "era5_normalizer")
      return;
    std::string const place = chain + "." + name;
    work_.out.set(place + ".type", type);
    if (has) {
      work_.out.set_text(place + ".args.mean_path", work_.mean_path);
      work_.out.set_text(place + ".args.std_path", work_.std_path);
    }
  }

  void put_tracer(DeckBlock const& old)
  {
    std::string const place = chain + ".tracer_fixer";
    bool physical = true;
    if (old("denorm", physical) && !physical)
      return refuse(work_, place, old.child("denorm"), "false (thresholds of normalised values) is not offered",
                    "give the thresholds in physical units, and set it to true");
    work_.out.set(place + ".type", "tracer_fixer");
    work_.out.copy(old.child("tracer_name"), place + ".args.tracer_vars");
    for (char const* key : {"tracer_thres", "tracer_thres_max"})
      if (old.has(key))
        work_.out.copy(old.child(key), place + ".args." + key);
    work_.out.written_as(place, old.node().path());
  }

  /// What all conservation blocks share. False when the block can't be translated.
  bool start_fixer(DeckBlock const& old, std::string const& name)
  {
    std::string const place = chain + "." + name;
    bool demo = false, physical = true;
    old("simple_demo", demo);
    old("denorm", physical);
    if (demo || !physical) {
      refuse(work_, place, old.child(demo ? "simple_demo" : "denorm"),
             demo ? "is for CREDIT's own tests" : "must be true",
             demo ? "set it to false" : "budgets are sums of physical units");
      return false;
    }
    work_.out.set(place + ".type", name);
    auto const physics = work_.old["data"]["save_loc_physics"];
    if (physics.exists())
      work_.out.copy(physics, place + ".args.save_loc_physics");
    else
      work_.problems.error(work_.old["data"].path() + ".save_loc_physics",
                           fmt::format("is missing; {} needs it", old.node().path()),
                           "name the file with areas and coefficients of the levels");
    std::string grid = "pressure";
    old("grid_type", grid);
    work_.out.set_text(place + ".args.grid_type", grid, old.path("grid_type"));
    if (old.has("lon_lat_level_name"))
      work_.out.copy(old.child("lon_lat_level_name"), place + ".args.lon_lat_level_name");
    // Water and energy take this of the mass fixer.
    bool midpoint = false;
    DeckBlock const mass = post_.block("global_mass_fixer");
    if (mass.has("midpoint"))
      mass("midpoint", midpoint);
    else
      old("midpoint", midpoint);
    work_.out.set(place + ".args.midpoint", midpoint ? "true" : "false");
    work_.out.written_as(place, old.node().path());
    return true;
  }

  /// The `index`-th name of a list becomes one variable of the new block.
  void name(DeckBlock const& old, std::string const& fixer, char const* from, std::string const& to,
            std::size_t index = 0)
  {
    auto const names = words(work_, old.child(from));
    if (index < names.size())
      work_.out.set_text(fmt::format("{}.{}.args.{}", chain, fixer, to), names[index], old.path(from));
    else
      work_.problems.error(old.path(from), fmt::format("names {} variables, {} are needed", names.size(), index + 1),
                           "name them");
  }

  void hours(std::string const& fixer)
  {
    work_.out.set(fmt::format("{}.{}.args.lead_time_periods", chain, fixer), fmt::format("{}", work_.timestep / 3600),
                  work_.old["data"]["lead_time_periods"].path());
  }

  void put_mass()
  {
    DeckBlock const old = post_.block("global_mass_fixer");
    std::string const fixer = "global_mass_fixer";
    if (!start_fixer(old, fixer))
      return;
    name(old, fixer, "specific_total_water_name", "q_var");
    std::string grid = "pressure";
    old("grid_type", grid);
    if (grid == "sigma")
      name(old, fixer, "surface_pressure_name", "sp_var");
    else if (old.has("fix_level_num"))
      work_.out.copy(old.child("fix_level_num"), chain + "." + fixer + ".args.fix_level_num");
  }

  void put_water()
  {
    DeckBlock const old = post_.block("global_water_fixer");
    std::string const fixer = "global_water_fixer";
    if (!start_fixer(old, fixer))
      return;
    name(old, fixer, "specific_total_water_name", "q_var");
    name(old, fixer, "surface_pressure_name", "sp_var");
    name(old, fixer, "precipitation_name", "precip_var");
    name(old, fixer, "evaporation_name", "evapor_var");
    hours(fixer);
  }

  void put_energy_state(DeckBlock const& old, std::string const& fixer)
  {
    name(old, fixer, "air_temperature_name", "T_var");
    name(old, fixer, "specific_total_water_name", "q_var");
    name(old, fixer, "u_wind_name", "U_var");
    name(old, fixer, "v_wind_name", "V_var");
    name(old, fixer, "surface_pressure_name", "sp_var");
    if (old.has("surface_geopotential_name"))
      work_.out.copy(old.child("surface_geopotential_name"),
                     fmt::format("{}.{}.args.surface_geopotential_name", chain, fixer));
    hours(fixer);
  }

  void put_energy()
  {
    DeckBlock const old = post_.block("global_energy_fixer");
    std::string const fixer = "global_energy_fixer";
    if (!start_fixer(old, fixer))
      return;
    put_energy_state(old, fixer);
    name(old, fixer, "TOA_net_radiation_flux_name", "toa_solar_var");
    name(old, fixer, "TOA_net_radiation_flux_name", "toa_olr_var", 1);
    name(old, fixer, "surface_net_radiation_flux_name", "surf_solar_var");
    name(old, fixer, "surface_net_radiation_flux_name", "surf_lw_var", 1);
    name(old, fixer, "surface_energy_flux_name", "surf_sh_var");
    name(old, fixer, "surface_energy_flux_name", "surf_lh_var", 1);
  }

  void put_energy_updown()
  {
    DeckBlock const old = post_.block("global_energy_fixer_updown");
    std::string const fixer = "global_energy_fixer_updown";
    if (!start_fixer(old, fixer))
      return;
    put_energy_state(old, fixer);
    for (auto const& [from, to] :
         std::vector<std::pair<char const*, char const*>>{{"TOA_down_solar_name", "toa_down_solar_var"},
                                                          {"TOA_up_solar_name", "toa_up_solar_var"},
                                                          {"TOA_up_OLR_name", "toa_up_olr_var"},
                                                          {"surf_down_solar_name", "surf_down_solar_var"},
                                                          {"surf_up_solar_name", "surf_up_solar_var"},
                                                          {"surf_down_LW_name", "surf_down_lw_var"},
                                                          {"surf_up_LW_name", "surf_up_lw_var"},
                                                          {"surf_SH_name", "surf_sh_var"},
                                                          {"surf_LH_name", "surf_lh_var"}})
      name(old, fixer, from, to);
    std::string const args = fmt::format("{}.{}.args", chain, fixer);
    work_.out.set(args + ".top_fluxes", "accumulated");
    work_.out.set(args + ".turbulent_fluxes", "upward");
    work_.out.comment(args + ".turbulent_fluxes", "the first generation's sign: - SH - LH");
  }

  Work& work_;
  DeckBlock post_;
};
} // namespace

void translate_post_conf(Work& work)
{
  auto const model = work.old["model"];
  if (!model.is_map())
    return;
  auto const post = model["post_conf"];
  bool active = false;
  DeckBlock const block(post, work.problems);
  if (post.is_map() && block("activate", active) && active && !work.old.root().has("postblocks"))
    PostBlocks(work, block).translate();
  post.mark_read();
}

} // namespace rossby::first_generation
