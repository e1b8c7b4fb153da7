// Global budgets closed by one factor for each sample. A fixer goes in three steps: what each cell contributes to a few
// global sums (terms), the sums over all tiles and the factor made of them, and the field times the factor. Backwards:
// what the factor got is a global sum too, since every cell used it; what each sum got of the factor is arithmetic; and
// what a cell got of its terms is added to what the field passes on by itself. So gradients are those of one rank on
// any tiles. Formulas are those of CREDIT's conservation postblocks; integrals over columns are sums over levels with
// weights a_k + b_k p_s, which covers its midpoint and its trapezoidal rule.
#include "fixer.hpp"

namespace rossby {

namespace {
constexpr double water_density = 1000; // kg m-3

/// A single channel times the factor: what mass and water correct.
template <class T>
void scale_channel(Exec const& exec, Array const& y, index_t channel, Array const& factor, Array const& result)
{
  auto const from = field<T>(y);
  auto const to = result.view<T, 3>();
  View<double const, 1> const f = factor.view<double, 1>();
  each_cell(
      "rossby::train::scale_channel", exec, y,
      KOKKOS_LAMBDA(index_t s, index_t cell) { to(s, cell, channel) = static_cast<T>(from(s, cell, channel) * f(s)); });
}

template <class T>
void scale_channel_backward(Exec const& exec, Array const& y, index_t channel, Array const& factor,
                            Array const& dresult, Array const& dy, Array const& dfactor)
{
  auto const from = field<T>(y), g = field<T>(dresult);
  auto const to = dy.view<T, 3>();
  auto const df = dfactor.view<double, 3>();
  View<double const, 1> const f = factor.view<double, 1>();
  each_cell(
      "rossby::train::scale_channel_backward", exec, y, KOKKOS_LAMBDA(index_t s, index_t cell) {
        to(s, cell, channel) = static_cast<T>(g(s, cell, channel) * f(s));
        df(s, cell, 0) = g(s, cell, channel) * from(s, cell, channel);
      });
}

// Dry air: p_s <- p_s (M0 - Ma) / Mb with M0 = <sum (a + b p_x)(1 - q_x)>/g, Ma = <sum a (1 - q)>/g, Mb = <p_s sum b
// (1 - q)>/g.

template <class T>
void mass_terms(Exec const& exec, ColumnView const c, MassFixer const& m, Array const& y_, Array const& x_,
                Array const& terms)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = terms.view<double, 3>();
  auto const q = m.q, p = m.pressure, xq = m.input_q, xp = m.input_pressure;
  each_cell(
      "rossby::train::mass_terms", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double before = 0, of_a = 0, of_b = 0;
        for (index_t k = 0; k < q.count; ++k) {
          before += (c.a(k) + c.b(k) * x(s, cell, xp.first)) * (1 - x(s, cell, xq.first + k));
          of_a += c.a(k) * (1 - y(s, cell, q.first + k));
          of_b += c.b(k) * (1 - y(s, cell, q.first + k));
        }
        double const w = c.area(cell) / gravity;
        out(s, cell, 0) = w * before;
        out(s, cell, 1) = w * of_a;
        out(s, cell, 2) = w * of_b * y(s, cell, p.first);
      });
}

template <class T>
void mass_terms_backward(Exec const& exec, ColumnView const c, MassFixer const& m, Array const& y_, Array const& dsums_,
                         Array const& dy_)
{
  auto const y = field<T>(y_);
  auto const dy = dy_.view<T, 3>();
  View<double const, 2> const dsums = dsums_.view<double, 2>();
  auto const q = m.q, p = m.pressure;
  each_cell(
      "rossby::train::mass_terms_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const w = c.area(cell) / gravity, pressure = y(s, cell, p.first);
        double of_b = 0;
        for (index_t k = 0; k < q.count; ++k) {
          of_b += c.b(k) * (1 - y(s, cell, q.first + k));
          add_to<T>(dy, s, cell, q.first + k, -w * (dsums(s, 1) * c.a(k) + dsums(s, 2) * c.b(k) * pressure));
        }
        add_to<T>(dy, s, cell, p.first, w * dsums(s, 2) * of_b);
      });
}

class MassFixerAtWork final : public Fixer {
public:
  MassFixerAtWork(MassFixer block, std::string deck_key, PostblockPlace const& place)
      : Fixer(std::move(deck_key), place, {{1, -1, 0}, 2, "the mass of dry air in sigma layers"}),
        block_(std::move(block)), columns_(block_.columns, place)
  {
  }

private:
  void terms(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      mass_terms<typename decltype(tag)::type>(exec, ColumnView(columns_), block_, y, x, result);
    });
  }
  void scale(Exec const& exec, Array const& y, Array const& factor, Array const& result) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      scale_channel<typename decltype(tag)::type>(exec, y, block_.pressure.first, factor, result);
    });
  }
  void scale_backward(Exec const& exec, Array const& y, Array const& factor, Array const& dresult, Array const& dy,
                      Array const& dfactor) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      scale_channel_backward<typename decltype(tag)::type>(exec, y, block_.pressure.first, factor, dresult, dy,
                                                           dfactor);
    });
  }
  void terms_backward(Exec const& exec, Array const& y, Array const& dsums, Array const& dy) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      mass_terms_backward<typename decltype(tag)::type>(exec, ColumnView(columns_), block_, y, dsums, dy);
    });
  }

  MassFixer block_;
  ColumnTables columns_;
};

// Water: r <- r (-T - E)/P with T = <(W - W_x)/N>, W = sum q (a + b p_s)/g, E = <rho e/N>, P = <rho r/N>.

template <class T>
void water_terms(Exec const& exec, ColumnView const c, WaterFixer const& w, Array const& y_, Array const& x_,
                 Array const& terms)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = terms.view<double, 3>();
  auto const q = w.q, p = w.pressure, rain = w.precipitation, evaporation = w.evaporation, xq = w.input_q,
             xp = w.input_pressure;
  double const seconds = w.seconds;
  each_cell(
      "rossby::train::water_terms", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double change = 0;
        for (index_t k = 0; k < q.count; ++k)
          change += (c.a(k) + c.b(k) * y(s, cell, p.first)) * y(s, cell, q.first + k) -
                    (c.a(k) + c.b(k) * x(s, cell, xp.first)) * x(s, cell, xq.first + k);
        double const area = c.area(cell) / seconds;
        out(s, cell, 0) = area * change / gravity;
        out(s, cell, 1) = area * water_density * y(s, cell, evaporation.first);
        out(s, cell, 2) = area * water_density * y(s, cell, rain.first);
      });
}

template <class T>
void water_terms_backward(Exec const& exec, ColumnView const c, WaterFixer const& w, Array const& y_,
                          Array const& dsums_, Array const& dy_)
{
  auto const y = field<T>(y_);
  auto const dy = dy_.view<T, 3>();
  View<double const, 2> const dsums = dsums_.view<double, 2>();
  auto const q = w.q, p = w.pressure, rain = w.precipitation, evaporation = w.evaporation;
  double const seconds = w.seconds;
  each_cell(
      "rossby::train::water_terms_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const area = c.area(cell) / seconds, change = dsums(s, 0) * area / gravity;
        double of_pressure = 0;
        for (index_t k = 0; k < q.count; ++k) {
          of_pressure += c.b(k) * y(s, cell, q.first + k);
          add_to<T>(dy, s, cell, q.first + k, change * (c.a(k) + c.b(k) * y(s, cell, p.first)));
        }
        add_to<T>(dy, s, cell, p.first, change * of_pressure);
        add_to<T>(dy, s, cell, evaporation.first, dsums(s, 1) * area * water_density);
        add_to<T>(dy, s, cell, rain.first, dsums(s, 2) * area * water_density);
      });
}

class WaterFixerAtWork final : public Fixer {
public:
  WaterFixerAtWork(WaterFixer block, std::string deck_key, PostblockPlace const& place)
      : Fixer(std::move(deck_key), place, {{-1, -1, 0}, 2, "the global precipitation"}), block_(std::move(block)),
        columns_(block_.columns, place)
  {
  }

private:
  void terms(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      water_terms<typename decltype(tag)::type>(exec, ColumnView(columns_), block_, y, x, result);
    });
  }
  void scale(Exec const& exec, Array const& y, Array const& factor, Array const& result) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      scale_channel<typename decltype(tag)::type>(exec, y, block_.precipitation.first, factor, result);
    });
  }
  void scale_backward(Exec const& exec, Array const& y, Array const& factor, Array const& dresult, Array const& dy,
                      Array const& dfactor) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      scale_channel_backward<typename decltype(tag)::type>(exec, y, block_.precipitation.first, factor, dresult, dy,
                                                           dfactor);
    });
  }
  void terms_backward(Exec const& exec, Array const& y, Array const& dsums, Array const& dy) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      water_terms_backward<typename decltype(tag)::type>(exec, ColumnView(columns_), block_, y, dsums, dy);
    });
  }

  WaterFixer block_;
  ColumnTables columns_;
};
} // namespace

std::unique_ptr<Postblock> make_mass_fixer(MassFixer const& block, std::string const& key, PostblockPlace const& place)
{
  return std::make_unique<MassFixerAtWork>(block, key, place);
}
std::unique_ptr<Postblock> make_water_fixer(WaterFixer const& block, std::string const& key,
                                            PostblockPlace const& place)
{
  return std::make_unique<WaterFixerAtWork>(block, key, place);
}

} // namespace rossby
