// Standard names are those of the CF table (version 86); units are those of the files: ERA5 accumulates fluxes (J m-2)
// and water (m) over a step, CAM has rates.
#include "train/cf_attributes.hpp"

#include <map>

namespace rossby {

namespace {
using Table = std::map<std::string, CfAttributes>;

CfAttributes at_500(CfAttributes known)
{
  known.long_name += " at 500 hPa";
  return known;
}

Table make_era5()
{
  CfAttributes const u{"eastward_wind", "eastward wind", "m s-1"}, v{"northward_wind", "northward wind", "m s-1"},
      t{"air_temperature", "temperature", "K"}, q{"specific_humidity", "specific humidity", "kg kg-1"},
      z{"geopotential", "geopotential", "m2 s-2"}, sp{"surface_air_pressure", "surface pressure", "Pa"},
      t2m{"air_temperature", "temperature at 2 m", "K"}, u10{"eastward_wind", "eastward wind at 10 m", "m s-1"},
      v10{"northward_wind", "northward wind at 10 m", "m s-1"},
      d2m{"dew_point_temperature", "dew point temperature at 2 m", "K"},
      msl{"air_pressure_at_mean_sea_level", "mean sea level pressure", "Pa"},
      skt{"surface_temperature", "skin temperature", "K"}, water{"", "specific total water", "kg kg-1"};
  auto const joules = [](char const* standard_name, char const* name) {
    return CfAttributes{standard_name, std::string(name) + ", accumulated over a step", "J m-2"};
  };
  return {
      {"U", u},
      {"u_component_of_wind", u},
      {"V", v},
      {"v_component_of_wind", v},
      {"T", t},
      {"temperature", t},
      {"Q", q},
      {"specific_humidity", q},
      {"Z", z},
      {"geopotential", z},
      {"specific_total_water", water},
      {"Qtot", water},
      {"SP", sp},
      {"surface_pressure", sp},
      {"t2m", t2m},
      {"VAR_2T", t2m},
      {"2m_temperature", t2m},
      {"2m_dewpoint_temperature", d2m},
      {"VAR_10U", u10},
      {"10m_u_component_of_wind", u10},
      {"VAR_10V", v10},
      {"10m_v_component_of_wind", v10},
      {"mean_sea_level_pressure", msl},
      {"MSL", msl},
      {"skin_temperature", skt},
      {"SKT", skt},
      {"U500", at_500(u)},
      {"V500", at_500(v)},
      {"T500", at_500(t)},
      {"Q500", at_500(q)},
      {"Z500", at_500(z)},
      {"total_precipitation", {"lwe_thickness_of_precipitation_amount", "precipitation, accumulated over a step", "m"}},
      {"evaporation", {"lwe_thickness_of_water_evaporation_amount", "evaporation, accumulated over a step", "m"}},
      {"snowfall", {"lwe_thickness_of_snowfall_amount", "snowfall, accumulated over a step", "m"}},
      {"top_net_solar_radiation",
       joules("integral_wrt_time_of_toa_net_downward_shortwave_flux", "net solar radiation at the top")},
      {"top_net_thermal_radiation", joules("", "net thermal radiation at the top")},
      {"surface_net_solar_radiation",
       joules("integral_wrt_time_of_surface_net_downward_shortwave_flux", "net solar radiation at the surface")},
      {"surface_net_thermal_radiation",
       joules("integral_wrt_time_of_surface_net_downward_longwave_flux", "net thermal radiation at the surface")},
      {"surface_latent_heat_flux", joules("", "latent heat flux at the surface")},
      {"surface_sensible_heat_flux", joules("", "sensible heat flux at the surface")},
  };
}

Table make_cam()
{
  auto const watts = [](char const* standard_name, char const* name) {
    return CfAttributes{standard_name, name, "W m-2"};
  };
  auto const share = [](char const* name) { return CfAttributes{"cloud_area_fraction", name, "1"}; };
  return {
      {"U", {"eastward_wind", "eastward wind", "m s-1"}},
      {"V", {"northward_wind", "northward wind", "m s-1"}},
      {"T", {"air_temperature", "temperature", "K"}},
      {"Q", {"specific_humidity", "specific humidity", "kg kg-1"}},
      {"Qtot", {"", "specific total water", "kg kg-1"}},
      {"PS", {"surface_air_pressure", "surface pressure", "Pa"}},
      {"PSL", {"air_pressure_at_mean_sea_level", "sea level pressure", "Pa"}},
      {"TREFHT", {"air_temperature", "temperature at the reference height", "K"}},
      {"TS", {"surface_temperature", "surface temperature", "K"}},
      {"SST", {"sea_surface_temperature", "sea surface temperature", "K"}},
      {"U10", {"wind_speed", "wind speed at 10 m", "m s-1"}},
      {"PRECT", {"lwe_precipitation_rate", "precipitation rate", "m s-1"}},
      {"QFLX", {"water_evapotranspiration_flux", "water flux from the surface", "kg m-2 s-1"}},
      {"TAUX", {"", "zonal stress at the surface", "N m-2"}},
      {"TAUY", {"", "meridional stress at the surface", "N m-2"}},
      {"CLDTOT", share("total cloud cover")},
      {"CLDHGH", share("cover of high clouds")},
      {"CLDMED", share("cover of middle clouds")},
      {"CLDLOW", share("cover of low clouds")},
      {"ICEFRAC", {"sea_ice_area_fraction", "share of sea ice", "1"}},
      {"FSNS", watts("surface_net_downward_shortwave_flux", "net solar flux at the surface")},
      {"FLNS", watts("surface_net_upward_longwave_flux", "net longwave flux at the surface")},
      {"FSNT", watts("", "net solar flux at the top of the model")},
      {"FLNT", watts("", "net longwave flux at the top of the model")},
      {"SHFLX", watts("surface_upward_sensible_heat_flux", "sensible heat flux at the surface")},
      {"LHFLX", watts("surface_upward_latent_heat_flux", "latent heat flux at the surface")},
      {"SOLIN", watts("toa_incoming_shortwave_flux", "incoming solar flux")},
  };
}

Table const* table_of(std::string const& metadata)
{
  static Table const era5 = make_era5(), cam = make_cam();
  if (metadata == "era5.yaml")
    return &era5;
  return metadata == "cam.yaml" ? &cam : nullptr;
}
} // namespace

bool is_attribute_table(std::string const& metadata) { return table_of(metadata) != nullptr; }

std::optional<CfAttributes> find_attributes(std::string const& metadata, std::string const& variable)
{
  auto const* const table = table_of(metadata);
  if (!table)
    return std::nullopt;
  auto const at = table->find(variable);
  return at == table->end() ? std::nullopt : std::optional<CfAttributes>(at->second);
}

} // namespace rossby
