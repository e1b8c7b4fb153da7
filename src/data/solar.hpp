#pragma once
/// \file
/// Solar radiation at the top of the atmosphere, as CREDIT's tisr source computes it (formulas of ECMWF's IFS
/// documentation, part IV, and of CREDIT 5e14b83c), the orbit in float64 throughout.

#include <rossby/data/time.hpp>
#include <rossby/dist/tiling.hpp>

#include <string>
#include <vector>

namespace rossby {

/// Where the sun is and how strong, at one instant.
struct SunPosition {
  double sin_declination = 0, cos_declination = 1;
  double hour_angle = 0; ///< at longitude 0, radians
  double distance = 1;   ///< astronomical units
};
/// `seconds` since 1970-01-01 00:00 UTC.
SunPosition sun_position(double seconds);

/// Total solar irradiance by year: a constant, or a table interpolated linearly (its ends are held beyond it).
/// CREDIT carries the CMIP6 table; Rossby uses 1361 W m-2 unless a file gives one.
class SolarIrradiance {
public:
  SolarIrradiance() = default;
  /// Text: two columns, fractional year and W m-2; '#' starts a comment.
  explicit SolarIrradiance(std::string const& file);
  double at(double fractional_year) const;

private:
  std::vector<double> years_, values_;
};

/// Radiation received in (end - window, end], J m-2, by the trapezoidal rule with `steps` intervals, for the cells of a
/// box of the grid (degrees), row-major. A time of another calendar stands for the Gregorian one of its date; in a year
/// of 360 or 366 days, which has other dates, for the day at the same part of the year.
std::vector<double> insolation(Time end, Duration window, int steps, SolarIrradiance const&,
                               std::vector<double> const& latitude, std::vector<double> const& longitude, Box const&,
                               Calendar = Calendar::standard);

/// Seconds since 1970-01-01 00:00 UTC of the Gregorian time that a time of another calendar stands for.
double solar_seconds(double time, Calendar);

} // namespace rossby
