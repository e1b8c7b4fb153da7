// Columns on other levels: constant pressure, or another set of hybrid levels. Values are linear in ln p between two
// source levels and held beyond the last ones. Below ground, temperature and geopotential go on after Trenberth, Berry
// and Buja (1993), from a surface temperature made of the level nearest to some height above ground. Source pressures
// move with surface pressure, so gradients go to it as well; the formulas below ground carry their derivatives along
// (Dual), which is less to get wrong than writing them out.
#include "column_block.hpp"

namespace rossby {

namespace {
constexpr double plateau = 298; // K

/// A number with its derivatives by surface pressure and by the temperature of one level.
struct Dual {
  double v, p, t;
};
KOKKOS_INLINE_FUNCTION Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.p + b.p, a.t + b.t}; }
KOKKOS_INLINE_FUNCTION Dual operator-(Dual a, Dual b) { return {a.v - b.v, a.p - b.p, a.t - b.t}; }
KOKKOS_INLINE_FUNCTION Dual operator*(Dual a, Dual b)
{
  return {a.v * b.v, a.p * b.v + a.v * b.p, a.t * b.v + a.v * b.t};
}
KOKKOS_INLINE_FUNCTION Dual operator/(Dual a, Dual b)
{
  double const q = a.v / b.v;
  return {q, (a.p - q * b.p) / b.v, (a.t - q * b.t) / b.v};
}
KOKKOS_INLINE_FUNCTION Dual constant(double v) { return {v, 0, 0}; }
KOKKOS_INLINE_FUNCTION Dual operator*(double a, Dual b) { return {a * b.v, a * b.p, a * b.t}; }
KOKKOS_INLINE_FUNCTION Dual log(Dual a) { return {math::log(a.v), a.p / a.v, a.t / a.v}; }

/// Source levels for kernels: coefficients by rising pressure.
struct Levels {
  View<double const, 1> a, b;
  bool reversed;
  KOKKOS_INLINE_FUNCTION index_t count() const { return static_cast<index_t>(a.extent(0)); }
  /// The data's level that is the k-th from the top.
  KOKKOS_INLINE_FUNCTION index_t of_data(index_t k) const { return reversed ? count() - 1 - k : k; }
};

/// y = (1 - w) source[low] + w source[low + 1], and dw/dp_s.
struct Between {
  index_t low;
  double w, slope;
};

/// ln p of p = a + b p_s, or of `floor` where that is more.
KOKKOS_INLINE_FUNCTION double log_pressure(double a, double b, double surface, double floor, double& slope)
{
  double const p = a + b * surface;
  slope = p > floor ? b / p : 0;
  return math::log(p > floor ? p : floor);
}

KOKKOS_INLINE_FUNCTION Between find(Levels const& levels, double surface, double floor, double wanted,
                                    double wanted_slope)
{
  index_t high = 0;
  double slope = 0;
  while (high < levels.count() && log_pressure(levels.a(high), levels.b(high), surface, floor, slope) <= wanted)
    ++high;
  high = math::min(math::max<index_t>(high, 1), levels.count() - 1);
  double low_slope = 0, high_slope = 0;
  double const x0 = log_pressure(levels.a(high - 1), levels.b(high - 1), surface, floor, low_slope),
               x1 = log_pressure(levels.a(high), levels.b(high), surface, floor, high_slope), width = x1 - x0;
  double const w = width > 0 ? (wanted - x0) / width : 0;
  if (w <= 0 || w >= 1)
    return {high - 1, w <= 0 ? 0.0 : 1.0, 0};
  return {high - 1, w, (wanted_slope - low_slope * (1 - w) - high_slope * w) / width};
}

template <class T>
KOKKOS_INLINE_FUNCTION double interpolated(Levels const& levels, CellValues<T> const& y, index_t s, index_t cell,
                                           index_t first, Between const& at)
{
  return (1 - at.w) * y(s, cell, first + levels.of_data(at.low)) +
         at.w * y(s, cell, first + levels.of_data(at.low + 1));
}

/// Adds what `d`, the gradient of interpolated(), passes on; returns what surface pressure gets of it.
template <class T>
KOKKOS_INLINE_FUNCTION double interpolated_backward(Levels const& levels, CellValues<T> const& y, View<T, 3> const& dy,
                                                    index_t s, index_t cell, index_t first, Between const& at, double d)
{
  index_t const low = first + levels.of_data(at.low), high = first + levels.of_data(at.low + 1);
  add_to<T>(dy, s, cell, low, (1 - at.w) * d);
  add_to<T>(dy, s, cell, high, at.w * d);
  return d * at.slope * (y(s, cell, high) - y(s, cell, low));
}

/// What Trenberth's extrapolation starts from.
struct Ground {
  index_t level; ///< of the data, that temperature is taken from
  Dual surface_pressure, surface_temperature, gamma;
  double geopotential;
};

template <class T>
KOKKOS_INLINE_FUNCTION Ground ground(Levels const& levels, CellValues<T> const& y, index_t s, index_t cell,
                                     index_t first_T, index_t first_geopotential, double pressure, double surface,
                                     double height)
{
  index_t nearest = 0;
  double least = 0;
  for (index_t k = 0; k < levels.count(); ++k) { // from the top: the first of equals, as argmin takes it
    double const above = (y(s, cell, first_geopotential + levels.of_data(k)) - surface) / gravity - height;
    if (k == 0 || math::fabs(above) < least) {
      least = math::fabs(above);
      nearest = k;
    }
  }
  Ground g;
  g.level = levels.of_data(nearest);
  g.geopotential = surface;
  g.surface_pressure = {pressure, 1, 0};
  Dual const temperature{y(s, cell, first_T + g.level), 0, 1};
  Dual const at_level{levels.a(nearest) + levels.b(nearest) * pressure, levels.b(nearest), 0};
  constexpr double alpha = lapse_rate * gas_constant / gravity;
  g.surface_temperature = temperature + alpha * temperature * (g.surface_pressure / at_level - constant(1));
  double const z = surface / gravity, over = gravity / math::max(surface, 1.0);
  Dual const sea_level = g.surface_temperature + constant(lapse_rate * z);
  Dual const held = sea_level.v <= plateau ? sea_level : constant(plateau);
  g.gamma = constant(lapse_rate);
  if (z > 2500) {
    Dual const difference = held - g.surface_temperature;
    g.gamma = difference.v >= 0 ? over * difference : constant(0);
  } else if (z >= 2000) {
    g.gamma = over * (0.002 * ((2500 - z) * sea_level + (z - 2000) * held) - g.surface_temperature);
  }
  return g;
}

/// Temperature and geopotential at a pressure below ground.
KOKKOS_INLINE_FUNCTION Dual temperature_below(Ground const& g, double pressure)
{
  Dual const y = gas_constant / gravity * (g.gamma * log(constant(pressure) / g.surface_pressure));
  return g.surface_temperature * (constant(1) + y + 0.5 * (y * y) + 1.0 / 6 * (y * y * y));
}
KOKKOS_INLINE_FUNCTION Dual geopotential_below(Ground const& g, double pressure)
{
  Dual const depth = log(constant(pressure) / g.surface_pressure), y = gas_constant / gravity * (g.gamma * depth);
  return constant(g.geopotential) -
         gas_constant * (g.surface_temperature * depth * (constant(1) + 0.5 * y + 1.0 / 6 * (y * y)));
}

struct PressureTables {
  Levels levels;
  View<double const, 1> pressures;
  decltype(IndexList().view()) from, to; ///< first channels of the variables that are held
  index_t T, T_to, z, z_to, p, surface;
  double height;
};

template <class T>
void to_pressure(Exec const& exec, PressureTables const t, Array const& y_, Array const& x_, Array const& result)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = result.view<T, 3>();
  each_cell(
      "rossby::train::to_pressure", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const surface = y(s, cell, t.p);
        auto const under = ground(t.levels, y, s, cell, t.T, t.z, surface, x(s, cell, t.surface), t.height);
        for (index_t k = 0; k < static_cast<index_t>(t.pressures.extent(0)); ++k) {
          double const pressure = t.pressures(k);
          auto const at = find(t.levels, surface, 0, math::log(pressure), 0);
          for (index_t i = 0; i < static_cast<index_t>(t.from.extent(0)); ++i)
            out(s, cell, t.to(i) + k) = static_cast<T>(interpolated(t.levels, y, s, cell, t.from(i), at));
          bool const below = pressure > surface;
          out(s, cell, t.T_to + k) = static_cast<T>(below ? temperature_below(under, pressure).v
                                                          : interpolated(t.levels, y, s, cell, t.T, at));
          out(s, cell, t.z_to + k) = static_cast<T>(below ? geopotential_below(under, pressure).v
                                                          : interpolated(t.levels, y, s, cell, t.z, at));
        }
      });
}

template <class T>
void to_pressure_backward(Exec const& exec, PressureTables const t, Array const& y_, Array const& x_, Array const& g_,
                          Array const& dy_)
{
  auto const y = field<T>(y_), x = field<T>(x_), g = field<T>(g_);
  auto const dy = dy_.view<T, 3>();
  each_cell(
      "rossby::train::to_pressure_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const surface = y(s, cell, t.p);
        auto const under = ground(t.levels, y, s, cell, t.T, t.z, surface, x(s, cell, t.surface), t.height);
        double of_pressure = 0;
        for (index_t k = 0; k < static_cast<index_t>(t.pressures.extent(0)); ++k) {
          double const pressure = t.pressures(k);
          auto const at = find(t.levels, surface, 0, math::log(pressure), 0);
          for (index_t i = 0; i < static_cast<index_t>(t.from.extent(0)); ++i) {
            dy(s, cell, t.to(i) + k) = T(0);
            of_pressure += interpolated_backward(t.levels, y, dy, s, cell, t.from(i), at, g(s, cell, t.to(i) + k));
          }
          double const d_T = g(s, cell, t.T_to + k), d_z = g(s, cell, t.z_to + k);
          dy(s, cell, t.T_to + k) = T(0);
          dy(s, cell, t.z_to + k) = T(0);
          if (pressure > surface) {
            Dual const temperature = temperature_below(under, pressure), height = geopotential_below(under, pressure);
            of_pressure += d_T * temperature.p + d_z * height.p;
            add_to<T>(dy, s, cell, t.T + under.level, d_T * temperature.t + d_z * height.t);
          } else {
            of_pressure += interpolated_backward(t.levels, y, dy, s, cell, t.T, at, d_T);
            of_pressure += interpolated_backward(t.levels, y, dy, s, cell, t.z, at, d_z);
          }
        }
        add_to<T>(dy, s, cell, t.p, of_pressure);
      });
}

IndexList firsts(std::vector<Interpolated> const& list, bool to)
{
  std::vector<index_t> channels;
  for (auto const& v : list)
    channels.push_back(to ? v.to.first : v.from.first);
  return IndexList(Exec(), channels);
}

class PressureInterpolationAtWork final : public ColumnBlock {
public:
  explicit PressureInterpolationAtWork(PressureInterpolation const& b)
      : block_(b), a_(on_device(Exec(), b.a)), b_(on_device(Exec(), b.b)), pressures_(on_device(Exec(), b.pressures)),
        from_(firsts(b.held, false)), to_(firsts(b.held, true))
  {
  }

private:
  PressureTables tables() const
  {
    return {{a_.view<double, 1>(), b_.view<double, 1>(), block_.reversed},
            pressures_.view<double, 1>(),
            from_.view(),
            to_.view(),
            block_.T.from.first,
            block_.T.to.first,
            block_.geopotential.from.first,
            block_.geopotential.to.first,
            block_.pressure.first,
            block_.surface_geopotential,
            block_.height};
  }
  void compute(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { to_pressure<typename decltype(tag)::type>(exec, tables(), y, x, result); });
  }
  void backward(Exec const& exec, Array const& y, Array const& x, Array const& g, Array const& dy) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { to_pressure_backward<typename decltype(tag)::type>(exec, tables(), y, x, g, dy); });
  }
  PressureInterpolation block_;
  Array a_, b_, pressures_;
  IndexList from_, to_;
};

struct HybridTables {
  Levels levels;
  View<double const, 1> to_a, to_b;
  decltype(IndexList().view()) from, to;
  index_t p;
};

KOKKOS_INLINE_FUNCTION Between find(HybridTables const& t, double surface, index_t k)
{
  double slope = 0;
  double const wanted = log_pressure(t.to_a(k), t.to_b(k), surface, top_pressure, slope);
  return find(t.levels, surface, top_pressure, wanted, slope);
}

template <class T> void to_hybrid(Exec const& exec, HybridTables const t, Array const& y_, Array const& result)
{
  auto const y = field<T>(y_);
  auto const out = result.view<T, 3>();
  each_cell(
      "rossby::train::to_hybrid", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        for (index_t k = 0; k < static_cast<index_t>(t.to_a.extent(0)); ++k) {
          auto const at = find(t, y(s, cell, t.p), k);
          for (index_t i = 0; i < static_cast<index_t>(t.from.extent(0)); ++i)
            out(s, cell, t.to(i) + k) = static_cast<T>(interpolated(t.levels, y, s, cell, t.from(i), at));
        }
      });
}

template <class T>
void to_hybrid_backward(Exec const& exec, HybridTables const t, Array const& y_, Array const& g_, Array const& dy_)
{
  auto const y = field<T>(y_), g = field<T>(g_);
  auto const dy = dy_.view<T, 3>();
  each_cell(
      "rossby::train::to_hybrid_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double of_pressure = 0;
        for (index_t k = 0; k < static_cast<index_t>(t.to_a.extent(0)); ++k) {
          auto const at = find(t, y(s, cell, t.p), k);
          for (index_t i = 0; i < static_cast<index_t>(t.from.extent(0)); ++i) {
            dy(s, cell, t.to(i) + k) = T(0);
            of_pressure += interpolated_backward(t.levels, y, dy, s, cell, t.from(i), at, g(s, cell, t.to(i) + k));
          }
        }
        add_to<T>(dy, s, cell, t.p, of_pressure);
      });
}

class HybridInterpolationAtWork final : public ColumnBlock {
public:
  explicit HybridInterpolationAtWork(HybridInterpolation const& b)
      : block_(b), a_(on_device(Exec(), b.a)), b_(on_device(Exec(), b.b)), to_a_(on_device(Exec(), b.to_a)),
        to_b_(on_device(Exec(), b.to_b)), from_(firsts(b.variables, false)), to_(firsts(b.variables, true))
  {
  }

private:
  HybridTables tables() const
  {
    return {{a_.view<double, 1>(), b_.view<double, 1>(), block_.reversed},
            to_a_.view<double, 1>(),
            to_b_.view<double, 1>(),
            from_.view(),
            to_.view(),
            block_.pressure.first};
  }
  void compute(Exec const& exec, Array const& y, Array const&, Array const& result) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) { to_hybrid<typename decltype(tag)::type>(exec, tables(), y, result); });
  }
  void backward(Exec const& exec, Array const& y, Array const&, Array const& g, Array const& dy) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { to_hybrid_backward<typename decltype(tag)::type>(exec, tables(), y, g, dy); });
  }
  HybridInterpolation block_;
  Array a_, b_, to_a_, to_b_;
  IndexList from_, to_;
};
} // namespace

std::unique_ptr<Postblock> make_interpolation(PressureInterpolation const& block)
{
  return std::make_unique<PressureInterpolationAtWork>(block);
}
std::unique_ptr<Postblock> make_interpolation(HybridInterpolation const& block)
{
  return std::make_unique<HybridInterpolationAtWork>(block);
}

} // namespace rossby
