#pragma once
/// \file
/// Private to src/train: what blocks that close a global budget have in common.

#include "column_block.hpp"

#include "dist/global_sum.hpp"

#include <fmt/format.h>

namespace rossby {

/// What columns need on the device, by cell of the tile and by level.
struct ColumnTables {
  Array area, a, b;

  ColumnTables(Columns const& columns, PostblockPlace const& place)
      : area(on_tile(columns.area, place)), a(on_device(Exec(), columns.a)), b(on_device(Exec(), columns.b))
  {
  }
  static Array on_tile(std::vector<double> const& by_cell, PostblockPlace const& place)
  {
    std::vector<double> mine;
    for (auto const cell : cells_of(place.tile(), place.tiling.width()))
      mine.push_back(by_cell[static_cast<std::size_t>(cell)]);
    return on_device(Exec(), mine);
  }
};

/// The same for kernels.
struct ColumnView {
  View<double const, 1> area, a, b;
  explicit ColumnView(ColumnTables const& t)
      : area(t.area.view<double, 1>()), a(t.a.view<double, 1>()), b(t.b.view<double, 1>())
  {
  }
};

/// A matrix of so many columns on the device.
inline Array matrix(Exec const& exec, std::vector<double> const& values, index_t columns)
{
  return Array::from_host(exec, DType::float64, {static_cast<index_t>(values.size()) / columns, columns}, values);
}

/// The factor of a fixer: a linear combination of its global sums over one of them.
struct Ratio {
  std::vector<double> numerator; ///< by sum; that of the divisor is 0
  std::size_t divisor;           ///< the number of a sum
  char const* what;              ///< the divisor in messages
};

/// Base of the fixers: the tape and the places where sums are taken.
class Fixer : public Postblock {
public:
  Fixer(std::string deck_key, PostblockPlace place, Ratio ratio)
      : deck_key_(std::move(deck_key)), place_(std::move(place)), ratio_(std::move(ratio))
  {
  }

  Var apply(Context& context, Var const& y, Array const& x) const override
  {
    bool const recording = context.recording(y);
    Array const result = y.value().clone(context.exec);
    Array const of_cells = Array::empty(DType::float64, {y.value().extent(0), y.value().extent(1), sum_count()});
    terms(context.exec, y.value(), x, of_cells);
    auto const sums = global_sum(context.exec, place_.ranks, of_cells);
    auto const factor = factors(sums);
    scale(context.exec, y.value(), on_device(context.exec, factor), result);
    Var const out(result, recording);
    if (recording)
      context.tape->record(
          "conservation", out,
          [this, y, x, out, sums, factor](Exec const& exec) {
            Array const dy = out.grad().clone(exec);
            Array const dfactor = Array::empty(DType::float64, {y.value().extent(0), y.value().extent(1), 1});
            scale_backward(exec, y.value(), on_device(exec, factor), out.grad(), dy, dfactor);
            auto const dsums = sum_gradients(sums, factor, global_sum(exec, place_.ranks, dfactor));
            terms_backward(exec, y.value(), matrix(exec, dsums, sum_count()), dy);
            y.accumulate(exec, dy);
          },
          x.bytes());
    return out;
  }

protected:
  /// Terms of the sums, [samples, cells, sums] float64.
  virtual void terms(Exec const&, Array const& y, Array const& x, Array const& terms) const = 0;
  /// Writes the corrected channels of `result`; factor: [samples].
  virtual void scale(Exec const&, Array const& y, Array const& factor, Array const& result) const = 0;
  /// dy, a copy of dresult, becomes d/dy at a fixed factor; dfactor: each cell's part of d/dfactor.
  virtual void scale_backward(Exec const&, Array const& y, Array const& factor, Array const& dresult, Array const& dy,
                              Array const& dfactor) const = 0;
  /// dy += what y's terms pass on; dsums: [samples, sums].
  virtual void terms_backward(Exec const&, Array const& y, Array const& dsums, Array const& dy) const = 0;

private:
  index_t sum_count() const { return static_cast<index_t>(ratio_.numerator.size()); }

  /// The factor of each sample. (A divisor that is not finite makes a loss that is not, which is reported with its
  /// cause.)
  std::vector<double> factors(std::vector<double> const& sums) const
  {
    std::size_t const n = ratio_.numerator.size();
    std::vector<double> result;
    for (std::size_t i = 0; i < sums.size(); i += n) {
      double numerator = 0;
      for (std::size_t k = 0; k < n; ++k)
        if (k != ratio_.divisor)
          numerator += ratio_.numerator[k] * sums[i + k];
      if (sums[i + ratio_.divisor] == 0)
        fail(deck_key_, fmt::format("{} is zero in a sample, so that nothing can close the budget", ratio_.what),
             "look at the fields that the block reads, or leave it out until the model has learnt them");
      result.push_back(numerator / sums[i + ratio_.divisor]);
    }
    return result;
  }
  /// d/dsums of d/dfactor.
  std::vector<double> sum_gradients(std::vector<double> const& sums, std::vector<double> const& factor,
                                    std::vector<double> const& dfactor) const
  {
    std::size_t const n = ratio_.numerator.size();
    std::vector<double> d;
    for (std::size_t s = 0; s < factor.size(); ++s)
      for (std::size_t k = 0; k < n; ++k)
        d.push_back((k == ratio_.divisor ? -dfactor[s] * factor[s] : ratio_.numerator[k] * dfactor[s]) /
                    sums[n * s + ratio_.divisor]);
    return d;
  }

  std::string deck_key_;
  PostblockPlace place_;
  Ratio ratio_;
};

} // namespace rossby
