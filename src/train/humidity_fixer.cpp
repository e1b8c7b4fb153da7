// The mass of dry air on pressure levels, by total water of the lower ones (see conservation.cpp for how budgets are
// closed): q <- 1 - (1 - q)(M0 - M_held)/M_fixed, with M0 = <sum a (1 - q_x)>/g and the same sums over the levels that
// stay and those that change, which are not quite parts of one another: CREDIT integrates each by itself.
#include "fixer.hpp"

namespace rossby {

namespace {
struct HumidityTables {
  View<double const, 1> area, all, held, fixed;
  index_t q, input_q, levels, first;
};

template <class T>
void humidity_terms(Exec const& exec, HumidityTables const t, Array const& y_, Array const& x_, Array const& terms)
{
  auto const y = field<T>(y_), x = field<T>(x_);
  auto const out = terms.view<double, 3>();
  each_cell(
      "rossby::train::humidity_terms", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double before = 0, held = 0, fixed = 0;
        for (index_t k = 0; k < t.levels; ++k) {
          before += t.all(k) * (1 - x(s, cell, t.input_q + k));
          held += t.held(k) * (1 - y(s, cell, t.q + k));
          fixed += t.fixed(k) * (1 - y(s, cell, t.q + k));
        }
        double const w = t.area(cell) / gravity;
        out(s, cell, 0) = w * before;
        out(s, cell, 1) = w * held;
        out(s, cell, 2) = w * fixed;
      });
}

template <class T>
void humidity_scale(Exec const& exec, HumidityTables const t, Array const& y_, Array const& factor_,
                    Array const& result)
{
  auto const y = field<T>(y_);
  auto const out = result.view<T, 3>();
  View<double const, 1> const factor = factor_.view<double, 1>();
  each_cell(
      "rossby::train::humidity_scale", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        for (index_t k = t.first; k < t.levels; ++k)
          out(s, cell, t.q + k) = static_cast<T>(1 - (1 - y(s, cell, t.q + k)) * factor(s));
      });
}

template <class T>
void humidity_scale_backward(Exec const& exec, HumidityTables const t, Array const& y_, Array const& factor_,
                             Array const& dresult, Array const& dy_, Array const& dfactor)
{
  auto const y = field<T>(y_), g = field<T>(dresult);
  auto const dy = dy_.view<T, 3>();
  auto const df = dfactor.view<double, 3>();
  View<double const, 1> const factor = factor_.view<double, 1>();
  each_cell(
      "rossby::train::humidity_scale_backward", exec, y_, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double of_factor = 0;
        for (index_t k = t.first; k < t.levels; ++k) {
          double const d = g(s, cell, t.q + k);
          of_factor -= (1 - y(s, cell, t.q + k)) * d;
          dy(s, cell, t.q + k) = static_cast<T>(d * factor(s));
        }
        df(s, cell, 0) = of_factor;
      });
}

template <class T>
void humidity_terms_backward(Exec const& exec, HumidityTables const t, Array const& y, Array const& dsums_,
                             Array const& dy_)
{
  auto const dy = dy_.view<T, 3>();
  View<double const, 2> const dsums = dsums_.view<double, 2>();
  each_cell(
      "rossby::train::humidity_terms_backward", exec, y, KOKKOS_LAMBDA(index_t s, index_t cell) {
        double const w = t.area(cell) / gravity;
        for (index_t k = 0; k < t.levels; ++k)
          add_to<T>(dy, s, cell, t.q + k, -w * (dsums(s, 1) * t.held(k) + dsums(s, 2) * t.fixed(k)));
      });
}

class HumidityFixerAtWork final : public Fixer {
public:
  HumidityFixerAtWork(HumidityFixer block, std::string deck_key, PostblockPlace const& place)
      : Fixer(std::move(deck_key), place, {{1, -1, 0}, 2, "the mass of dry air in the levels that change"}),
        block_(std::move(block)), columns_(block_.columns, place), held_(on_device(Exec(), block_.held)),
        fixed_(on_device(Exec(), block_.fixed))
  {
  }

private:
  HumidityTables tables() const
  {
    return {columns_.area.view<double, 1>(),
            columns_.a.view<double, 1>(),
            held_.view<double, 1>(),
            fixed_.view<double, 1>(),
            block_.q.first,
            block_.input_q.first,
            block_.q.count,
            block_.first_fixed};
  }
  void terms(Exec const& exec, Array const& y, Array const& x, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { humidity_terms<typename decltype(tag)::type>(exec, tables(), y, x, result); });
  }
  void scale(Exec const& exec, Array const& y, Array const& factor, Array const& result) const override
  {
    dispatch_wide(y.dtype(),
                  [&](auto tag) { humidity_scale<typename decltype(tag)::type>(exec, tables(), y, factor, result); });
  }
  void scale_backward(Exec const& exec, Array const& y, Array const& factor, Array const& dresult, Array const& dy,
                      Array const& dfactor) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      humidity_scale_backward<typename decltype(tag)::type>(exec, tables(), y, factor, dresult, dy, dfactor);
    });
  }
  void terms_backward(Exec const& exec, Array const& y, Array const& dsums, Array const& dy) const override
  {
    dispatch_wide(y.dtype(), [&](auto tag) {
      humidity_terms_backward<typename decltype(tag)::type>(exec, tables(), y, dsums, dy);
    });
  }

  HumidityFixer block_;
  ColumnTables columns_;
  Array held_, fixed_;
};
} // namespace

std::unique_ptr<Postblock> make_humidity_fixer(HumidityFixer const& block, std::string const& key,
                                               PostblockPlace const& place)
{
  return std::make_unique<HumidityFixerAtWork>(block, key, place);
}

} // namespace rossby
