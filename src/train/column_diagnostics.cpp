// Mean sea level pressure and geopotential of a column, with the formulas and constants of CREDIT's postblocks.
#include "column_block.hpp"

namespace rossby {

namespace {
constexpr double warm = 290.5, cold = 255; // K

/// Value and its derivatives by pressure and temperature.
struct ReducedPressure {
  double value, by_pressure, by_temperature;
};

KOKKOS_INLINE_FUNCTION ReducedPressure reduce_to_sea_level(double pressure, double T, double surface)
{
  double const height = surface / gravity;
  if (math::fabs(height) < 1e-4)
    return {pressure, 1, 0};
  double alpha = lapse_rate * gas_constant / gravity, alpha_by_T = 0, effective = T, effective_by_T = 1;
  if (T > warm) {
    alpha = 0;
    effective = 0.5 * (warm + T);
    effective_by_T = 0.5;
  } else if (T + lapse_rate * height > warm) {
    double const over = math::max(surface, 1e-6);
    alpha = gas_constant * (warm - T) / over;
    alpha_by_T = -gas_constant / over;
  } else if (T < cold) {
    effective = 0.5 * (cold + T);
    effective_by_T = 0.5;
  }
  double const held = math::max(effective, 1.0), x = surface / (gas_constant * held);
  double const x_by_T = effective >= 1 ? -x / held * effective_by_T : 0, ax = alpha * x;
  double const factor = math::exp(x * (1 - 0.5 * ax + ax * ax / 3));
  double const slope = (1 - ax + ax * ax) * x_by_T + (-0.5 * x * x + 2.0 / 3 * alpha * x * x * x) * alpha_by_T;
  return {pressure * factor, factor, pressure * factor * slope};
}

template <class T>
void sea_level_pressure(Exec const& exec, SeaLevelPressure const b, Array const& y_, Array const& x_,
                        Array const& result)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = result.view<T, 3>();
  each_cell(
      "rossby::train::sea_level_pressure", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        out(s, cell, b.output.first) =
            static_cast<T>(reduce_to_sea_level(y(s, cell, b.pressure.first), y(s, cell, b.temperature.first),
                                               x(s, cell, b.surface_geopotential))
                               .value);
      });
}

template <class T>
void sea_level_pressure_backward(Exec const& exec, SeaLevelPressure const b, Array const& y_, Array const& x_,
                                 Array const& g_, Array const& dy_)
{
  auto const y = field<T>(y_), x = field<T>(x_), g = field<T>(g_);
  auto const dy = dy_.view<T, 3>();
  each_cell(
      "rossby::train::sea_level_pressure_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        auto const reduced = reduce_to_sea_level(y(s, cell, b.pressure.first), y(s, cell, b.temperature.first),
                                                 x(s, cell, b.surface_geopotential));
        double const d = g(s, cell, b.output.first);
        dy(s, cell, b.output.first) = T(0);
        add_to<T>(dy, s, cell, b.pressure.first, d * reduced.by_pressure);
        add_to<T>(dy, s, cell, b.temperature.first, d * reduced.by_temperature);
      });
}

class SeaLevelPressureAtWork final : public ColumnBlock {
public:
  explicit SeaLevelPressureAtWork(SeaLevelPressure block) : block_(block) {}

private:
  void compute(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { sea_level_pressure<typename decltype(tag)::type>(exec, block_, y, x, result); });
  }
  void backward(Exec const& exec, Array const& y, Array const& x, Array const& g, Array const& dy) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      sea_level_pressure_backward<typename decltype(tag)::type>(exec, block_, y, x, g, dy);
    });
  }
  SeaLevelPressure block_;
};

// Geopotential: from the surface up, Phi at a level's upper interface is that of the lower one plus R T_v delta, delta
// = ln(p_lower / p_upper); at the level itself it is that of the upper interface less R T_v alpha, alpha = 1 - p_upper
// / (p_lower - p_upper) delta. (IFS counts alpha from the lower interface; CREDIT's numbers are these.)

constexpr double geopotential_gas_constant = 287.06, geopotential_vapour_constant = 461.51;
constexpr double vapour_excess = geopotential_vapour_constant / geopotential_gas_constant - 1;

struct GeopotentialTables {
  View<double const, 1> a, b;
  index_t levels, T, q, p, output, surface;
  bool from_last;
};

/// Pressure and its derivative by surface pressure at an interface.
KOKKOS_INLINE_FUNCTION double interface(GeopotentialTables const& t, index_t k, double surface, double& slope)
{
  double const p = t.a(k) + t.b(k) * surface;
  slope = p > 0 ? t.b(k) : 0;
  return p > 0 ? p : top_pressure;
}

/// delta and alpha of a level, and their derivatives by surface pressure.
struct LayerShape {
  double delta, alpha, delta_slope, alpha_slope;
};
KOKKOS_INLINE_FUNCTION LayerShape shape_of(GeopotentialTables const& t, index_t k, double surface)
{
  double up_slope = 0, low_slope = 0;
  double const up = interface(t, k, surface, up_slope), low = interface(t, k + 1, surface, low_slope);
  double const delta = math::log(low / up), thickness = low - up, ratio = up / thickness;
  double const delta_slope = low_slope / low - up_slope / up;
  double const ratio_slope = (low * up_slope - up * low_slope) / (thickness * thickness);
  return {delta, 1 - ratio * delta, delta_slope, -ratio_slope * delta - ratio * delta_slope};
}

template <class T>
void geopotential(Exec const& exec, GeopotentialTables const t, Array const& y_, Array const& x_, Array const& result)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = result.view<T, 3>();
  each_cell(
      "rossby::train::geopotential", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const pressure = y(s, cell, t.p);
        double height = x(s, cell, t.surface);
        for (index_t i = 0; i < t.levels; ++i) {
          index_t const k = t.from_last ? t.levels - 1 - i : i;
          auto const layer = shape_of(t, k, pressure);
          double const rt = geopotential_gas_constant * y(s, cell, t.T + k) * (1 + vapour_excess * y(s, cell, t.q + k));
          height += rt * layer.delta;
          out(s, cell, t.output + k) = static_cast<T>(height - rt * layer.alpha);
        }
      });
}

template <class T>
void geopotential_backward(Exec const& exec, GeopotentialTables const t, Array const& y_, Array const& g_,
                           Array const& dy_)
{
  auto const y = field<T>(y_), g = field<T>(g_);
  auto const dy = dy_.view<T, 3>();
  each_cell(
      "rossby::train::geopotential_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double above = 0, of_pressure = 0; // what this level's interface got of all levels above it
        for (index_t i = t.levels - 1; i >= 0; --i) {
          index_t const k = t.from_last ? t.levels - 1 - i : i;
          auto const layer = shape_of(t, k, y(s, cell, t.p));
          double const temperature = y(s, cell, t.T + k), moist = 1 + vapour_excess * y(s, cell, t.q + k);
          double const own = g(s, cell, t.output + k);
          above += own;
          double const d = geopotential_gas_constant * (above * layer.delta - own * layer.alpha);
          of_pressure +=
              geopotential_gas_constant * temperature * moist * (above * layer.delta_slope - own * layer.alpha_slope);
          dy(s, cell, t.output + k) = T(0);
          add_to<T>(dy, s, cell, t.T + k, d * moist);
          add_to<T>(dy, s, cell, t.q + k, d * temperature * vapour_excess);
        }
        add_to<T>(dy, s, cell, t.p, of_pressure);
      });
}

class GeopotentialAtWork final : public ColumnBlock {
public:
  explicit GeopotentialAtWork(GeopotentialDiagnostic const& b)
      : block_(b), a_(on_device(Exec(), b.a_half)), b_(on_device(Exec(), b.b_half))
  {
  }

private:
  GeopotentialTables tables() const
  {
    return {a_.view<double, 1>(), b_.view<double, 1>(),  block_.T.count,      block_.T.first,
            block_.q.first,       block_.pressure.first, block_.output.first, block_.surface_geopotential,
            block_.from_last};
  }
  void compute(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { geopotential<typename decltype(tag)::type>(exec, tables(), y, x, result); });
  }
  void backward(Exec const& exec, Array const& y, Array const&, Array const& g, Array const& dy) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { geopotential_backward<typename decltype(tag)::type>(exec, tables(), y, g, dy); });
  }
  GeopotentialDiagnostic block_;
  Array a_, b_;
};
} // namespace

std::unique_ptr<Postblock> make_diagnostic(SeaLevelPressure const& block)
{
  return std::make_unique<SeaLevelPressureAtWork>(block);
}
std::unique_ptr<Postblock> make_diagnostic(GeopotentialDiagnostic const& block)
{
  return std::make_unique<GeopotentialAtWork>(block);
}

} // namespace rossby
