#include "data/solar.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace rossby {

namespace {

constexpr double pi = 3.141592653589793, radian = pi / 180, day = 86400;
/// 2000-01-01 12:00 (Julian day 2451545) in seconds since 1970.
constexpr double epoch_j2000 = 946728000;
/// W m-2 at one astronomical unit, of recent satellite records.
constexpr double constant_irradiance = 1361;

double fractional_year(double seconds)
{
  Date const d = date_of(static_cast<Time>(std::floor(seconds)));
  auto const begin = static_cast<double>(time_of({d.year, 1, 1})),
             end = static_cast<double>(time_of({d.year + 1, 1, 1}));
  return d.year + (seconds - begin) / (end - begin);
}

} // namespace

double solar_seconds(double time, Calendar calendar)
{
  if (calendar == Calendar::standard)
    return time;
  double const days = std::floor(time / day), rest = time - days * day;
  Date const d = date_of(static_cast<Time>(days * day), calendar);
  Time const begin = time_of({d.year, 1, 1});
  if (calendar != Calendar::days_360 && calendar != Calendar::all_leap)
    return static_cast<double>(time_of({d.year, d.month, d.day})) + rest;
  double const length = calendar == Calendar::days_360 ? 360 : 366;
  auto const own = static_cast<double>(time_of({d.year + 1, 1, 1}) - begin) / day;
  return static_cast<double>(begin) + std::floor((day_of_year(d, calendar) - 0.5) / length * own) * day + rest;
}

SunPosition sun_position(double seconds)
{
  double const days = (seconds - epoch_j2000) / day, theta = days / 365.25;
  double const phase = days - std::floor(days);
  double const rel = 1.7535 + 6.283076 * theta, rem = 6.240041 + 6.283020 * theta, rlls = 4.8951 + 6.283076 * theta;
  double const longitude = 4.8952 + 6.283320 * theta - 0.0075 * std::sin(rel) - 0.0326 * std::cos(rel) -
                           0.0003 * std::sin(2 * rel) + 0.0002 * std::cos(2 * rel);
  double const time_equation = 591.8 * std::sin(2 * rlls) - 459.4 * std::sin(rem) +
                               39.5 * std::sin(rem) * std::cos(2 * rlls) - 12.7 * std::sin(4 * rlls) -
                               4.8 * std::sin(2 * rem);
  SunPosition sun;
  sun.sin_declination = std::sin(0.409093) * std::sin(longitude);
  sun.cos_declination = std::sqrt(1 - sun.sin_declination * sun.sin_declination);
  sun.hour_angle = 2 * pi * (phase + time_equation / day);
  sun.distance = 1.0001 - 0.0163 * std::sin(rel) + 0.0037 * std::cos(rel);
  return sun;
}

SolarIrradiance::SolarIrradiance(std::string const& file)
{
  constexpr std::uintmax_t most_bytes = 1 << 24;
  std::error_code code;
  std::ifstream in(file);
  if (!in || !std::filesystem::is_regular_file(file, code))
    fail(file, "is not a file that can be read", "tsi_path must name a text file with two columns, year and W m-2");
  if (std::filesystem::file_size(file, code) > most_bytes)
    fail(file, fmt::format("is longer than {} bytes", most_bytes), "tsi_path must name a text file with two columns");
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    double year = 0, value = 0;
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (!(words >> year >> value) || !(value > 0) || (!years_.empty() && year <= years_.back()))
      fail(fmt::format("{}:{}", file, number),
           fmt::format("'{}' is not a pair of a year (rising) and an irradiance", line));
    years_.push_back(year);
    values_.push_back(value);
  }
  if (years_.empty())
    fail(file, "holds no pair of year and irradiance");
}

double SolarIrradiance::at(double year) const
{
  if (years_.empty())
    return constant_irradiance;
  if (year <= years_.front())
    return values_.front();
  if (year >= years_.back())
    return values_.back();
  auto const i = static_cast<std::size_t>(std::upper_bound(years_.begin(), years_.end(), year) - years_.begin());
  double const f = (year - years_[i - 1]) / (years_[i] - years_[i - 1]);
  return values_[i - 1] + f * (values_[i] - values_[i - 1]);
}

std::vector<double> insolation(Time end, Duration window, int steps, SolarIrradiance const& irradiance,
                               std::vector<double> const& latitude, std::vector<double> const& longitude,
                               Box const& box, Calendar calendar)
{
  auto const rows = static_cast<std::size_t>(box.rows()), cols = static_cast<std::size_t>(box.cols());
  std::vector<double> sin_lat(rows), cos_lat(rows), sin_lon(cols), cos_lon(cols), cos_hour(cols), sum(rows * cols, 0.0);
  for (std::size_t r = 0; r < rows; ++r) {
    double const phi = latitude[static_cast<std::size_t>(box.row0) + r] * radian;
    sin_lat[r] = std::sin(phi), cos_lat[r] = std::cos(phi);
  }
  for (std::size_t c = 0; c < cols; ++c) {
    double const lambda = longitude[static_cast<std::size_t>(box.col0) + c] * radian;
    sin_lon[c] = std::sin(lambda), cos_lon[c] = std::cos(lambda);
  }
  double const dt = static_cast<double>(window) / steps;
  for (int s = 0; s <= steps; ++s) {
    double const t = solar_seconds(static_cast<double>(end - window) + s * dt, calendar);
    SunPosition const sun = sun_position(t);
    double const weight =
        (s == 0 || s == steps ? 0.5 : 1.0) * dt * irradiance.at(fractional_year(t)) / (sun.distance * sun.distance);
    // cos(H + lon) once per column, not per cell
    double const sin_h = std::sin(sun.hour_angle), cos_h = std::cos(sun.hour_angle);
    for (std::size_t c = 0; c < cols; ++c)
      cos_hour[c] = cos_h * cos_lon[c] - sin_h * sin_lon[c];
    for (std::size_t r = 0; r < rows; ++r) {
      double const a = weight * sin_lat[r] * sun.sin_declination, b = weight * cos_lat[r] * sun.cos_declination;
      double* const row = sum.data() + r * cols;
      for (std::size_t c = 0; c < cols; ++c) {
        double const flux = a + b * cos_hour[c];
        row[c] += flux > 0 ? flux : 0;
      }
    }
  }
  return sum;
}

} // namespace rossby
