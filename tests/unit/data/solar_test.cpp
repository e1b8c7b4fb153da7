#include "data/solar.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace rossby {
namespace {

constexpr double pi = 3.141592653589793;

/// Flux at one place and instant, written down again from the reference formulas, without the factors shared above.
double flux(double julian_day, double latitude, double longitude, double irradiance)
{
  double const d = julian_day - 2451545, theta = d / 365.25, phase = std::fmod(d + 1e6, 1.0);
  double const rel = 1.7535 + 6.283076 * theta, rem = 6.240041 + 6.283020 * theta, rlls = 4.8951 + 6.283076 * theta;
  double const rllls = 4.8952 + 6.283320 * theta - 0.0075 * std::sin(rel) - 0.0326 * std::cos(rel) -
                       0.0003 * std::sin(2 * rel) + 0.0002 * std::cos(2 * rel);
  double const declination = std::asin(std::sin(0.409093) * std::sin(rllls));
  double const eot = 591.8 * std::sin(2 * rlls) - 459.4 * std::sin(rem) + 39.5 * std::sin(rem) * std::cos(2 * rlls) -
                     12.7 * std::sin(4 * rlls) - 4.8 * std::sin(2 * rem);
  double const distance = 1.0001 - 0.0163 * std::sin(rel) + 0.0037 * std::cos(rel);
  double const hour = 2 * pi * (phase + eot / 86400) + longitude * pi / 180, phi = latitude * pi / 180;
  double const cos_zenith =
      std::cos(phi) * std::cos(declination) * std::cos(hour) + std::sin(phi) * std::sin(declination);
  return irradiance / (distance * distance) * std::max(0.0, cos_zenith);
}

TEST(Solar, IntegratesTheFlux)
{
  std::vector<double> const latitude{80, 23.5, 0, -45}, longitude{0, 90, 200.5};
  Time const end = time_of({2015, 7, 2, 6, 0, 0});
  Duration const window = 6 * 3600;
  int const steps = 60;
  Box const box{0, 4, 1, 3};
  auto const field = insolation(end, window, steps, SolarIrradiance(), latitude, longitude, box);
  ASSERT_EQ(field.size(), 8u);
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 2; ++c) {
      double sum = 0;
      for (int s = 0; s <= steps; ++s) {
        double const jd =
            2440587.5 + (static_cast<double>(end - window) + s * (static_cast<double>(window) / steps)) / 86400;
        sum += (s == 0 || s == steps ? 0.5 : 1) *
               flux(jd, latitude[static_cast<std::size_t>(r)], longitude[static_cast<std::size_t>(c + 1)], 1361);
      }
      EXPECT_NEAR(field[static_cast<std::size_t>(2 * r + c)], sum * static_cast<double>(window) / steps,
                  1.0 + 1e-6 * sum * 360);
    }
}

TEST(Solar, GlobalMeanIsAQuarterOfTheConstant)
{
  std::vector<double> latitude, longitude{0};
  for (int i = 0; i < 180; ++i)
    latitude.push_back(89.5 - i);
  auto const field = insolation(time_of({2001, 1, 1}), 365 * 86400, 365 * 96, SolarIrradiance(), latitude, longitude,
                                Box{0, 180, 0, 1});
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < 180; ++i) {
    sum += field[i] * std::cos(latitude[i] * pi / 180);
    weights += std::cos(latitude[i] * pi / 180);
  }
  EXPECT_NEAR(sum / weights / (365 * 86400.0), 1361 / 4.0, 0.5);
}

TEST(Solar, IrradianceTableIsInterpolated)
{
  std::string const file = (std::filesystem::path(::testing::TempDir()) / "tsi.txt").string();
  std::ofstream(file) << "# year W m-2\n1850.5 1360\n1851.5 1362 # a remark\n";
  SolarIrradiance const tsi(file);
  EXPECT_DOUBLE_EQ(tsi.at(1851), 1361);
  EXPECT_DOUBLE_EQ(tsi.at(1800), 1360);
  EXPECT_DOUBLE_EQ(tsi.at(1900), 1362);
}

} // namespace
} // namespace rossby
