#include "support/postblock_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace {
using namespace rossby;
using World = test::PostblockWorld;
using Values = std::vector<double>;

Box const globe{0, World::height, 0, World::width};

/// Fields of one sample for plain loops: f(channel, cell).
struct Plain {
  World world;
  Values y = world.y(globe), x = world.x(globe), got;
  CoupledBlock block;

  explicit Plain(std::string const& name) : block(world.blocks().at(name))
  {
    got = world.run(block, Tiling::whole(World::height, World::width), Communicator(), y).y;
  }
  double of_y(index_t s, index_t cell, index_t c) const
  {
    return y[static_cast<std::size_t>((s * World::cells + cell) * World::channels + c)];
  }
  double of_x(index_t s, index_t cell, index_t c) const
  {
    return x[static_cast<std::size_t>((s * World::cells + cell) * World::input_channels + c)];
  }
  double result(index_t s, index_t cell, index_t c) const
  {
    return got[static_cast<std::size_t>((s * World::cells + cell) * (World::channels + World::room) + c)];
  }
  /// Everything but these channels is as it was.
  void expect_rest_untouched(index_t first, index_t count) const
  {
    for (index_t s = 0; s < World::samples; ++s)
      for (index_t cell = 0; cell < World::cells; ++cell)
        for (index_t c = 0; c < World::channels; ++c)
          if (c < first || c >= first + count) {
            ASSERT_EQ(result(s, cell, c), of_y(s, cell, c)) << c;
          }
  }
};
constexpr double g = 9.80665;

TEST(Postblocks, MassOfDryAirIsThatOfTheInput)
{
  Plain const p("mass");
  auto const& m = std::get<MassFixer>(p.block.what);
  for (index_t s = 0; s < World::samples; ++s) {
    double before = 0, of_a = 0, of_b = 0, after = 0;
    for (index_t cell = 0; cell < World::cells; ++cell)
      for (index_t k = 0; k < 3; ++k) {
        auto const i = static_cast<std::size_t>(k);
        double const area = m.columns.area[static_cast<std::size_t>(cell)];
        before += area * (m.columns.a[i] + m.columns.b[i] * p.of_x(s, cell, World::input_ps)) *
                  (1 - p.of_x(s, cell, 3 + k)) / g;
        double const dry = 1 - p.of_y(s, cell, World::q + k);
        of_a += area * m.columns.a[i] * dry / g;
        of_b += area * m.columns.b[i] * p.of_y(s, cell, World::ps) * dry / g;
        after += area * (m.columns.a[i] + m.columns.b[i] * p.result(s, cell, World::ps)) * dry / g;
      }
    EXPECT_NEAR(after, before, 1e-12 * before);
    for (index_t cell = 0; cell < World::cells; ++cell)
      EXPECT_NEAR(p.result(s, cell, World::ps), p.of_y(s, cell, World::ps) * (before - of_a) / of_b, 1e-7);
  }
  p.expect_rest_untouched(World::ps, 1);
}

TEST(Postblocks, MassOfDryAirOnPressureLevels)
{
  Plain const p("mass on pressure levels");
  auto const& m = std::get<HumidityFixer>(p.block.what);
  for (index_t s = 0; s < World::samples; ++s) {
    double before = 0, held = 0, fixed = 0;
    for (index_t cell = 0; cell < World::cells; ++cell)
      for (index_t k = 0; k < 3; ++k) {
        auto const i = static_cast<std::size_t>(k);
        double const area = m.columns.area[static_cast<std::size_t>(cell)] / g, dry = 1 - p.of_y(s, cell, World::q + k);
        before += area * m.columns.a[i] * (1 - p.of_x(s, cell, 3 + k));
        held += area * m.held[i] * dry;
        fixed += area * m.fixed[i] * dry;
      }
    for (index_t cell = 0; cell < World::cells; ++cell)
      for (index_t k = 1; k < 3; ++k)
        EXPECT_NEAR(p.result(s, cell, World::q + k), 1 - (1 - p.of_y(s, cell, World::q + k)) * (before - held) / fixed,
                    1e-13);
  }
  p.expect_rest_untouched(World::q + 1, 2);
}

TEST(Postblocks, WaterFallsThatIsMissingInColumnsAndEvaporation)
{
  Plain const p("water");
  auto const& w = std::get<WaterFixer>(p.block.what);
  for (index_t s = 0; s < World::samples; ++s) {
    double change = 0, evaporation = 0, rain = 0;
    for (index_t cell = 0; cell < World::cells; ++cell) {
      double const area = w.columns.area[static_cast<std::size_t>(cell)];
      for (index_t k = 0; k < 3; ++k) {
        double const a = w.columns.a[static_cast<std::size_t>(k)], b = w.columns.b[static_cast<std::size_t>(k)];
        change += area / g / 21600 *
                  ((a + b * p.of_y(s, cell, World::ps)) * p.of_y(s, cell, World::q + k) -
                   (a + b * p.of_x(s, cell, World::input_ps)) * p.of_x(s, cell, 3 + k));
      }
      evaporation += area * 1000 * p.of_y(s, cell, World::evaporation) / 21600;
      rain += area * 1000 * p.of_y(s, cell, World::rain) / 21600;
    }
    for (index_t cell = 0; cell < World::cells; ++cell)
      EXPECT_NEAR(p.result(s, cell, World::rain), p.of_y(s, cell, World::rain) * (-change - evaporation) / rain, 1e-13);
  }
  p.expect_rest_untouched(World::rain, 1);
}

TEST(Postblocks, EnergyChangesByTheFluxes)
{
  Plain const p("energy");
  auto const& b = std::get<EnergyFixer>(p.block.what);
  auto const terrain = World::terrain();
  auto const heat = [](double q) { return (1 - q) * 1004.64 + q * 1810; };
  for (index_t s = 0; s < World::samples; ++s) {
    double before = 0, after = 0, top = 0, surface = 0, corrected = 0;
    auto const other = [&](double q, double u, double v, index_t cell) {
      return 2.501e6 * q + terrain[static_cast<std::size_t>(cell)] + 0.5 * (u * u + v * v);
    };
    for (index_t cell = 0; cell < World::cells; ++cell) {
      double const area = b.columns.area[static_cast<std::size_t>(cell)];
      for (index_t k = 0; k < 3; ++k) {
        auto const i = static_cast<std::size_t>(k);
        double const qx = p.of_x(s, cell, 3 + k), qy = p.of_y(s, cell, World::q + k);
        double const wx = area * (b.columns.a[i] + b.columns.b[i] * p.of_x(s, cell, World::input_ps)) / g;
        double const wy = area * (b.columns.a[i] + b.columns.b[i] * p.of_y(s, cell, World::ps)) / g;
        double const hx = other(qx, p.of_x(s, cell, 6 + k), p.of_x(s, cell, 9 + k), cell);
        double const hy = other(qy, p.of_y(s, cell, World::u + k), p.of_y(s, cell, World::v + k), cell);
        before += wx * (heat(qx) * p.of_x(s, cell, k) + hx);
        after += wy * (heat(qy) * p.of_y(s, cell, World::T + k) + hy);
        corrected += wy * (heat(qy) * p.result(s, cell, World::T + k) + hy);
      }
      auto const flux = [&](index_t n) { return p.of_y(s, cell, World::flux + n); };
      top += area * (p.of_x(s, cell, World::sun) - flux(0) - flux(1));
      surface += area * (flux(2) - flux(3) + flux(4) - flux(5) + flux(6) + flux(7)) / 21600;
    }
    double const beta = (21600 * (top - surface) + before) / after;
    EXPECT_NEAR(corrected, before + 21600 * (top - surface), 1e-12 * before); // the budget is closed
    for (index_t cell = 0; cell < World::cells; ++cell)
      for (index_t k = 0; k < 3; ++k) {
        double const q = p.of_y(s, cell, World::q + k);
        double const h = other(q, p.of_y(s, cell, World::u + k), p.of_y(s, cell, World::v + k), cell);
        double const e = heat(q) * p.of_y(s, cell, World::T + k) + h;
        EXPECT_NEAR(p.result(s, cell, World::T + k), (beta * e - h) / heat(q), 1e-9);
      }
  }
  p.expect_rest_untouched(World::T, 3);
}

/// The filter as plain two-dimensional sums over the whole map.
TEST(Postblocks, StrongWindsAreSmoothed)
{
  for (bool const kept : {false, true}) {
    Plain const p(kept ? "wind, amplitude kept" : "wind");
    auto const& f = std::get<WindFilter>(p.block.what);
    auto const inside = [](index_t r, index_t c) { return r >= 0 && r < World::height && c >= 0 && c < World::width; };
    auto const gauss = [](double sigma, index_t half) {
      Values w;
      for (index_t i = -half; i <= half; ++i)
        w.push_back(std::exp(-0.5 * std::pow(static_cast<double>(i) / sigma, 2)));
      double const sum = std::accumulate(w.begin(), w.end(), 0.0);
      for (auto& v : w)
        v /= sum;
      return w;
    };
    auto const half = [](double sigma, double spread) {
      return (static_cast<index_t>(2 * sigma * spread + 1) | 1) / 2;
    };
    auto const smooth = [&](Values const& map, Values const& rows, Values const& cols) {
      Values out(map.size(), 0);
      index_t const hr = static_cast<index_t>(rows.size()) / 2, hc = static_cast<index_t>(cols.size()) / 2;
      for (index_t r = 0; r < World::height; ++r)
        for (index_t c = 0; c < World::width; ++c)
          for (index_t i = -hr; i <= hr; ++i)
            for (index_t j = -hc; j <= hc; ++j)
              if (inside(r + i, c + j))
                out[static_cast<std::size_t>(r * World::width + c)] +=
                    rows[static_cast<std::size_t>(i + hr)] * cols[static_cast<std::size_t>(j + hc)] *
                    map[static_cast<std::size_t>((r + i) * World::width + c + j)];
      return out;
    };
    for (index_t s = 0; s < World::samples; ++s) {
      Values wide(World::cells, 0);
      int strong = 0;
      for (index_t cell = 0; cell < World::cells; ++cell) {
        if (std::hypot(p.of_y(s, cell, f.u), p.of_y(s, cell, f.v)) <= f.threshold)
          continue;
        ++strong;
        for (index_t i = -1; i <= 1; ++i)
          for (index_t j = -2; j <= 2; ++j)
            if (inside(cell / World::width + i, cell % World::width + j))
              wide[static_cast<std::size_t>(cell + i * World::width + j)] = 1;
      }
      ASSERT_GT(strong, 3);
      ASSERT_LT(strong, World::cells / 2);
      auto const mask = smooth(wide, gauss(f.falloff, half(f.falloff, 2)), gauss(2 * f.falloff, half(f.falloff, 4)));
      for (index_t const c : f.channels) {
        Values map;
        for (index_t cell = 0; cell < World::cells; ++cell)
          map.push_back(p.of_y(s, cell, c));
        auto blurred =
            smooth(map, gauss(f.sigma_rows, half(f.sigma_rows, 3)), gauss(f.sigma_columns, half(f.sigma_columns, 3)));
        double of_map = 0, of_blurred = 0;
        for (std::size_t i = 0; i < map.size(); ++i) {
          of_map += mask[i] * map[i] * map[i];
          of_blurred += mask[i] * blurred[i] * blurred[i];
        }
        double const alpha = kept ? std::min(4.0, std::sqrt(of_map / (of_blurred + 1e-12))) : 1;
        for (std::size_t i = 0; i < map.size(); ++i) {
          ASSERT_NEAR(p.result(s, static_cast<index_t>(i), c), mask[i] * alpha * blurred[i] + (1 - mask[i]) * map[i],
                      1e-11);
        }
      }
    }
  }
}

TEST(Postblocks, PressureAtSeaLevel)
{
  Plain const p("sea level pressure");
  int seen[4] = {};
  for (index_t s = 0; s < World::samples; ++s)
    for (index_t cell = 0; cell < World::cells; ++cell) {
      double const ps = p.of_y(s, cell, World::ps), T = p.of_y(s, cell, World::t2m),
                   phi = p.of_x(s, cell, World::surface), h = phi / g, sea = T + 0.0065 * h;
      double alpha = 0.0065 * 287.05 / g, effective = T;
      bool const first = T <= 290.5 && sea > 290.5, second = T > 290.5, third = T < 255 && !first && !second;
      if (first)
        alpha = 287.05 * (290.5 - T) / std::max(phi, 1e-6);
      if (second)
        alpha = 0, effective = 0.5 * (290.5 + T);
      if (third)
        effective = 0.5 * (255 + T);
      ++seen[std::fabs(h) < 1e-4 ? 3 : first ? 0 : second ? 1 : third ? 2 : 3];
      double const x = phi / (287.05 * effective), ax = alpha * x;
      double const expected = std::fabs(h) < 1e-4 ? ps : ps * std::exp(x * (1 - 0.5 * ax + ax * ax / 3));
      EXPECT_NEAR(p.result(s, cell, World::channels), expected, 1e-7);
    }
  EXPECT_TRUE(seen[0] && seen[1] && seen[2] && seen[3]);
}

TEST(Postblocks, GeopotentialOfLevels)
{
  Plain const p("geopotential");
  auto const& b = std::get<GeopotentialDiagnostic>(p.block.what);
  constexpr double R = 287.06, excess = 461.51 / 287.06 - 1;
  for (index_t s = 0; s < World::samples; ++s)
    for (index_t cell = 0; cell < World::cells; ++cell) {
      double phi = p.of_x(s, cell, World::surface);
      for (index_t k = 2; k >= 0; --k) {
        auto const pressure = [&](index_t i) {
          double const at = b.a_half[static_cast<std::size_t>(i)] +
                            b.b_half[static_cast<std::size_t>(i)] * p.of_y(s, cell, World::ps);
          return at > 0 ? at : 0.57;
        };
        double const up = pressure(k), low = pressure(k + 1), delta = std::log(low / up),
                     virtual_T = p.of_y(s, cell, World::T + k) * (1 + excess * p.of_y(s, cell, World::q + k));
        phi += R * virtual_T * delta;
        EXPECT_NEAR(p.result(s, cell, World::channels + k), phi - R * virtual_T * (1 - up / (low - up) * delta), 1e-7);
      }
    }
}

/// numpy.interp of a column, linear in ln p.
double interpolate(Values const& log_p, Values const& values, double at)
{
  if (at <= log_p.front())
    return values.front();
  for (std::size_t k = 1; k < log_p.size(); ++k)
    if (at <= log_p[k])
      return values[k - 1] + (values[k] - values[k - 1]) * (at - log_p[k - 1]) / (log_p[k] - log_p[k - 1]);
  return values.back();
}

TEST(Postblocks, PressureLevels)
{
  for (char const* name : {"pressure levels", "pressure levels, from the ground up"}) {
    Plain const p(name);
    auto const& b = std::get<PressureInterpolation>(p.block.what);
    int below = 0, high = 0, middle = 0;
    for (index_t s = 0; s < World::samples; ++s)
      for (index_t cell = 0; cell < World::cells; ++cell) {
        double const ps = p.of_y(s, cell, World::ps), phi = p.of_x(s, cell, World::surface), z = phi / g;
        auto const column = [&](index_t first) {
          Values v;
          for (index_t k = 0; k < 3; ++k)
            v.push_back(p.of_y(s, cell, first + (b.reversed ? 2 - k : k)));
          return v;
        };
        Values pressure, log_p;
        for (std::size_t k = 0; k < 3; ++k) {
          pressure.push_back(b.a[k] + b.b[k] * ps);
          log_p.push_back(std::log(pressure.back()));
        }
        auto const T = column(World::T), height = column(World::v);
        std::size_t nearest = 0;
        for (std::size_t k = 1; k < 3; ++k)
          if (std::fabs((height[k] - phi) / g - 150) < std::fabs((height[nearest] - phi) / g - 150))
            nearest = k;
        double const surface = T[nearest] + 0.0065 * 287.05 / g * T[nearest] * (ps / pressure[nearest] - 1);
        double const sea = surface + 0.0065 * z, held = std::min(sea, 298.0);
        double const gamma = z > 2500 ? g / std::max(phi, 1.0) * std::max(held - surface, 0.0)
                             : z >= 2000
                                 ? g / std::max(phi, 1.0) * (0.002 * ((2500 - z) * sea + (z - 2000) * held) - surface)
                                 : 0.0065;
        ++(z > 2500 ? high : z >= 2000 ? middle : below);
        for (std::size_t k = 0; k < 6; ++k) {
          double const at = b.pressures[k], depth = std::log(at / ps), y = gamma * 287.05 / g * depth;
          auto const out = static_cast<index_t>(k) + World::channels;
          EXPECT_NEAR(p.result(s, cell, out), interpolate(log_p, column(World::u), std::log(at)), 1e-11);
          EXPECT_NEAR(p.result(s, cell, out + 6), interpolate(log_p, column(World::q), std::log(at)), 1e-13);
          bool const under = at > ps;
          EXPECT_NEAR(p.result(s, cell, out + 12),
                      under ? surface * (1 + y + y * y / 2 + y * y * y / 6) : interpolate(log_p, T, std::log(at)),
                      1e-9);
          EXPECT_NEAR(p.result(s, cell, out + 18),
                      under ? phi - 287.05 * surface * depth * (1 + y / 2 + y * y / 6)
                            : interpolate(log_p, height, std::log(at)),
                      1e-7);
        }
      }
    EXPECT_TRUE(below && high && middle);
  }
}

TEST(Postblocks, HybridLevels)
{
  Plain const p("hybrid levels");
  auto const& b = std::get<HybridInterpolation>(p.block.what);
  for (index_t s = 0; s < World::samples; ++s)
    for (index_t cell = 0; cell < World::cells; ++cell) {
      double const ps = p.of_y(s, cell, World::ps);
      Values log_p, T;
      for (std::size_t k = 0; k < 3; ++k) {
        log_p.push_back(std::log(b.a[k] + b.b[k] * ps));
        T.push_back(p.of_y(s, cell, World::T + static_cast<index_t>(k)));
      }
      for (std::size_t k = 0; k < 5; ++k)
        EXPECT_NEAR(p.result(s, cell, World::channels + static_cast<index_t>(k)),
                    interpolate(log_p, T, std::log(std::max(0.57, b.to_a[k] + b.to_b[k] * ps))), 1e-10);
    }
}

/// What each block passes back of one seed against central differences.
TEST(Postblocks, GradientsMatchFiniteDifferences)
{
  World const world;
  Tiling const whole = Tiling::whole(World::height, World::width);
  auto const seed = world.seed(globe);
  for (auto const& [name, block] : world.blocks()) {
    auto y = world.y(globe);
    auto const run = world.run(block, whole, Communicator(), y);
    auto const objective = [&] {
      auto const result = world.run(block, whole, Communicator(), y).y;
      return std::inner_product(result.begin(), result.end(), seed.begin(), 0.0);
    };
    double largest = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
      largest = std::max(largest, std::fabs(run.dy[i]) * World::scale(static_cast<index_t>(i) % World::channels));
    int wrong = 0;
    for (std::size_t i = 0; i < y.size() && wrong < 3; i += 101) {
      double const scale = World::scale(static_cast<index_t>(i) % World::channels), h = 3e-5 * scale, keep = y[i];
      y[i] = keep + h;
      double const up = objective();
      y[i] = keep - h;
      double const down = objective();
      y[i] = keep;
      double const slope = (up - down) / (2 * h);
      bool const same = std::fabs(run.dy[i] - slope) * scale <= 2e-6 * largest;
      EXPECT_TRUE(same) << name << ", channel " << i % World::channels << ", cell " << i / World::channels << ": "
                        << run.dy[i] << ", not " << slope;
      wrong += same ? 0 : 1;
    }
  }
}

TEST(Postblocks, ABudgetThatNothingCanCloseIsNamed)
{
  World const world;
  auto const block = world.blocks().at("water");
  auto y = world.y(globe);
  for (std::size_t i = World::rain; i < y.size(); i += World::channels)
    y[i] = 0;
  try {
    world.run(block, Tiling::whole(World::height, World::width), Communicator(), y);
    FAIL();
  } catch (Error const& e) {
    EXPECT_EQ(e.where(), "water");
    EXPECT_NE(e.problem().find("precipitation is zero"), std::string::npos);
  }
}
} // namespace
