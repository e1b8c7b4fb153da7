// The budget of energy (see conservation.cpp for how budgets are closed).
#include "fixer.hpp"

namespace rossby {

namespace {
constexpr double latent_heat = 2.501e6, heat_dry = 1004.64, heat_vapour = 1810; // SI, as in CREDIT

// Energy: T <- (beta e - h)/c with c = (1 - q) c_pd + q c_pv, h = L q + Phi_s + (u^2 + v^2)/2, e = c T + h and beta =
// (N (R - F) + E_x)/E, E = <sum e (a + b p_s)>/g, R and F the global fluxes through top and surface.

/// Channels and fluxes for kernels.
struct EnergyTables {
  ColumnView columns;
  View<double const, 1> surface; ///< geopotential
  View<double const, 2> fluxes;  ///< [n, 4]: of top (0) or surface (1); of y (0) or x (1); channel; factor
  index_t levels, T, q, u, v, p, xT, xq, xu, xv, xp;
};

KOKKOS_INLINE_FUNCTION double heat_capacity(double q) { return (1 - q) * heat_dry + q * heat_vapour; }
KOKKOS_INLINE_FUNCTION double other_energy(double q, double u, double v, double surface)
{
  return latent_heat * q + surface + 0.5 * (u * u + v * v);
}

template <class F>
KOKKOS_INLINE_FUNCTION double column_energy(EnergyTables const& t, F const& f, index_t s, index_t cell, index_t T,
                                            index_t q, index_t u, index_t v, index_t p)
{
  double sum = 0;
  for (index_t k = 0; k < t.levels; ++k) {
    double const humidity = f(s, cell, q + k);
    double const e = heat_capacity(humidity) * f(s, cell, T + k) +
                     other_energy(humidity, f(s, cell, u + k), f(s, cell, v + k), t.surface(cell));
    sum += e * (t.columns.a(k) + t.columns.b(k) * f(s, cell, p));
  }
  return sum;
}

template <class T>
void energy_terms(Exec const& exec, EnergyTables const t, Array const& y_, Array const& x_, Array const& terms)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = terms.view<double, 3>();
  each_cell(
      "rossby::train::energy_terms", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const area = t.columns.area(cell);
        out(s, cell, 0) = area * column_energy(t, x, s, cell, t.xT, t.xq, t.xu, t.xv, t.xp) / gravity;
        out(s, cell, 1) = area * column_energy(t, y, s, cell, t.T, t.q, t.u, t.v, t.p) / gravity;
        double flux[2] = {0, 0};
        for (index_t i = 0; i < static_cast<index_t>(t.fluxes.extent(0)); ++i) {
          index_t const channel = static_cast<index_t>(t.fluxes(i, 2));
          flux[t.fluxes(i, 0) == 0 ? 0 : 1] +=
              t.fluxes(i, 3) * (t.fluxes(i, 1) == 0 ? y(s, cell, channel) : x(s, cell, channel));
        }
        out(s, cell, 2) = area * flux[0];
        out(s, cell, 3) = area * flux[1];
      });
}

template <class T>
void energy_scale(Exec const& exec, EnergyTables const t, Array const& y_, Array const& factor_, Array const& result)
{
  auto const y = field<T>(y_);
  auto const out = result.view<T, 3>();
  View<double const, 1> const factor = factor_.view<double, 1>();
  each_cell(
      "rossby::train::energy_scale", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        for (index_t k = 0; k < t.levels; ++k) {
          double const q = y(s, cell, t.q + k), c = heat_capacity(q);
          double const h = other_energy(q, y(s, cell, t.u + k), y(s, cell, t.v + k), t.surface(cell));
          double const e = c * y(s, cell, t.T + k) + h;
          out(s, cell, t.T + k) = static_cast<T>((factor(s) * e - h) / c);
        }
      });
}

/// dq, du, dv, dT of a level's e and h.
template <class T>
KOKKOS_INLINE_FUNCTION void pass_on(EnergyTables const& t, CellValues<T> const& y, View<T, 3> const& dy, index_t s,
                                    index_t cell, index_t k, double de, double dh, double dc)
{
  // e = c T + h
  double const q = y(s, cell, t.q + k);
  double const d_other = dh + de, d_heat = dc + de * y(s, cell, t.T + k);
  add_to<T>(dy, s, cell, t.T + k, de * heat_capacity(q));
  add_to<T>(dy, s, cell, t.q + k, d_heat * (heat_vapour - heat_dry) + d_other * latent_heat);
  add_to<T>(dy, s, cell, t.u + k, d_other * y(s, cell, t.u + k));
  add_to<T>(dy, s, cell, t.v + k, d_other * y(s, cell, t.v + k));
}

template <class T>
void energy_scale_backward(Exec const& exec, EnergyTables const t, Array const& y_, Array const& factor_,
                           Array const& dresult, Array const& dy_, Array const& dfactor)
{
  auto const y = field<T>(y_), g = field<T>(dresult);
  auto const dy = dy_.view<T, 3>();
  auto const df = dfactor.view<double, 3>();
  View<double const, 1> const factor = factor_.view<double, 1>();
  each_cell(
      "rossby::train::energy_scale_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double of_factor = 0;
        for (index_t k = 0; k < t.levels; ++k) {
          double const q = y(s, cell, t.q + k), c = heat_capacity(q);
          double const h = other_energy(q, y(s, cell, t.u + k), y(s, cell, t.v + k), t.surface(cell));
          double const e = c * y(s, cell, t.T + k) + h, corrected = (factor(s) * e - h) / c;
          double const d = g(s, cell, t.T + k);
          of_factor += d * e / c;
          dy(s, cell, t.T + k) = T(0); // the copy of the result's gradient: T's own comes by e
          pass_on<T>(t, y, dy, s, cell, k, d * factor(s) / c, -d / c, -d * corrected / c);
        }
        df(s, cell, 0) = of_factor;
      });
}

template <class T>
void energy_terms_backward(Exec const& exec, EnergyTables const t, Array const& y_, Array const& dsums_,
                           Array const& dy_)
{
  auto const y = field<T>(y_);
  auto const dy = dy_.view<T, 3>();
  View<double const, 2> const dsums = dsums_.view<double, 2>();
  each_cell(
      "rossby::train::energy_terms_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const area = t.columns.area(cell), w = dsums(s, 1) * area / gravity;
        double of_pressure = 0;
        for (index_t k = 0; k < t.levels; ++k) {
          double const q = y(s, cell, t.q + k);
          double const e = heat_capacity(q) * y(s, cell, t.T + k) +
                           other_energy(q, y(s, cell, t.u + k), y(s, cell, t.v + k), t.surface(cell));
          of_pressure += t.columns.b(k) * e;
          pass_on<T>(t, y, dy, s, cell, k, w * (t.columns.a(k) + t.columns.b(k) * y(s, cell, t.p)), 0, 0);
        }
        add_to<T>(dy, s, cell, t.p, w * of_pressure);
        for (index_t i = 0; i < static_cast<index_t>(t.fluxes.extent(0)); ++i)
          if (t.fluxes(i, 1) == 0)
            add_to<T>(dy, s, cell, static_cast<index_t>(t.fluxes(i, 2)),
                      dsums(s, t.fluxes(i, 0) == 0 ? 2 : 3) * area * t.fluxes(i, 3));
      });
}

class EnergyFixerAtWork final : public Fixer {
public:
  EnergyFixerAtWork(EnergyFixer const& block, std::string deck_key, PostblockPlace const& place)
      : Fixer(std::move(deck_key), place, {{1, 0, block.seconds, -block.seconds}, 1, "the global energy"}),
        block_(block), columns_(block.columns, place),
        surface_(ColumnTables::on_tile(block.surface_geopotential, place))
  {
    std::vector<double> rows;
    for (auto const* list : {&block_.top, &block_.surface})
      for (auto const& f : *list)
        rows.insert(rows.end(), {list == &block_.top ? 0.0 : 1.0, f.of_input ? 1.0 : 0.0,
                                 static_cast<double>(f.channel), f.factor});
    fluxes_ = matrix(Exec(), rows, 4);
  }

private:
  EnergyTables tables() const
  {
    auto const& b = block_;
    return {ColumnView(columns_),
            surface_.view<double, 1>(),
            fluxes_.view<double, 2>(),
            b.T.count,
            b.T.first,
            b.q.first,
            b.u.first,
            b.v.first,
            b.pressure.first,
            b.input_T.first,
            b.input_q.first,
            b.input_u.first,
            b.input_v.first,
            b.input_pressure.first};
  }
  void terms(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { energy_terms<typename decltype(tag)::type>(exec, tables(), y, x, result); });
  }
  void scale(Exec const& exec, Array const& y, Array const& factor, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { energy_scale<typename decltype(tag)::type>(exec, tables(), y, factor, result); });
  }
  void scale_backward(Exec const& exec, Array const& y, Array const& factor, Array const& dresult, Array const& dy,
                      Array const& dfactor) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      energy_scale_backward<typename decltype(tag)::type>(exec, tables(), y, factor, dresult, dy, dfactor);
    });
  }
  void terms_backward(Exec const& exec, Array const& y, Array const& dsums, Array const& dy) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { energy_terms_backward<typename decltype(tag)::type>(exec, tables(), y, dsums, dy); });
  }

  EnergyFixer block_;
  ColumnTables columns_;
  Array surface_, fluxes_;
};
} // namespace

std::unique_ptr<Postblock> make_energy_fixer(EnergyFixer const& block, std::string const& key,
                                             PostblockPlace const& place)
{
  return std::make_unique<EnergyFixerAtWork>(block, key, place);
}

} // namespace rossby
