#pragma once
/// \file
/// Private to src/train: what blocks that close a global budget have in common.

#include "column_block.hpp"

#include <rossby/dist/global_sum.hpp>

#include <fmt/format.h>

namespace rossby {

constexpr double gravity = 9.80665; // m s-2

/// What columns need on the device, by cell of the tile and by level.
struct ColumnTables {
  Array area, a, b;

  ColumnTables(Columns const& columns, PostblockPlace const& place)
      : area(on_tile(columns.area, place)),
        a(Array::from_host(Exec(), DType::float64, {static_cast<index_t>(columns.a.size())}, columns.a)),
        b(Array::from_host(Exec(), DType::float64, {static_cast<index_t>(columns.b.size())}, columns.b))
  {
  }
  static Array on_tile(std::vector<double> const& by_cell, PostblockPlace const& place)
  {
    std::vector<double> mine;
    for (auto const cell : cells_of(place.tile(), place.tiling.width()))
      mine.push_back(by_cell[static_cast<std::size_t>(cell)]);
    return Array::from_host(Exec(), DType::float64, {static_cast<index_t>(mine.size())}, mine);
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

/// Numbers by sample on the device.
inline Array by_sample(std::vector<double> const& values)
{
  return Array::from_host(Exec(), DType::float64, {static_cast<index_t>(values.size())}, values);
}

/// Base of the fixers: the tape and the places where sums are taken.
class Fixer : public Postblock {
public:
  Fixer(std::string deck_key, PostblockPlace place) : deck_key_(std::move(deck_key)), place_(std::move(place)) {}

  Var apply(Context& context, Var const& y, Array const& x) const override
  {
    bool const recording = context.recording(y);
    Array const result = y.value().clone(context.exec);
    auto const sums = global_sum(context.exec, place_.ranks, terms(context.exec, y.value(), x));
    auto const factor = factors(sums);
    scale(context.exec, y.value(), by_sample(factor), result);
    Var const out(result, recording);
    if (recording)
      context.tape->record(
          "conservation", out,
          [this, y, x, out, sums, factor](Exec const& exec) {
            Array const dy = out.grad().clone(exec);
            Array const dfactor = Array::empty(DType::float64, {y.value().extent(0), y.value().extent(1), 1});
            scale_backward(exec, y.value(), by_sample(factor), out.grad(), dy, dfactor);
            terms_backward(exec, y.value(), sum_gradients(sums, factor, global_sum(exec, place_.ranks, dfactor)), dy);
            y.accumulate(exec, dy);
          },
          x.bytes());
    return out;
  }

protected:
  /// A divisor of a factor, which must not be zero. (One that is not finite makes a loss that is not, which is reported
  /// with its cause.)
  double divisor(double value, char const* what) const
  {
    if (value == 0)
      fail(deck_key_, fmt::format("{} is zero in a sample, so that nothing can close the budget", what),
           "look at the fields that the block reads, or leave it out until the model has learnt them");
    return value;
  }

  /// Terms of the sums, [samples, cells, count] float64.
  virtual Array terms(Exec const&, Array const& y, Array const& x) const = 0;
  /// The factor of each sample.
  virtual std::vector<double> factors(std::vector<double> const& sums) const = 0;
  /// Writes the corrected channels of `result`.
  virtual void scale(Exec const&, Array const& y, Array const& factor, Array const& result) const = 0;
  /// dy, a copy of dresult, becomes d/dy at a fixed factor; dfactor: each cell's part of d/dfactor.
  virtual void scale_backward(Exec const&, Array const& y, Array const& factor, Array const& dresult, Array const& dy,
                              Array const& dfactor) const = 0;
  /// d/dsums of d/dfactor.
  virtual std::vector<double> sum_gradients(std::vector<double> const& sums, std::vector<double> const& factor,
                                            std::vector<double> const& dfactor) const = 0;
  /// dy += what y's terms pass on.
  virtual void terms_backward(Exec const&, Array const& y, std::vector<double> const& dsums, Array const& dy) const = 0;

  PostblockPlace const& place() const { return place_; }

private:
  std::string deck_key_;
  PostblockPlace place_;
};

/// A matrix of so many columns.
inline Array matrix(std::vector<double> const& values, index_t columns)
{
  return Array::from_host(Exec(), DType::float64, {static_cast<index_t>(values.size()) / columns, columns}, values);
}

} // namespace rossby
