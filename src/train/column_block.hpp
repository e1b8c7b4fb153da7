#pragma once
/// \file
/// Private to src/train: postblocks that compute new channels of a cell from others of the same cell.

#include "postblock.hpp"

namespace rossby {

constexpr double gravity = 9.80665;     // m s-2
constexpr double gas_constant = 287.05; // of dry air, J kg-1 K-1
constexpr double lapse_rate = 0.0065;   // K m-1
constexpr double top_pressure = 0.57;   // Pa, in place of what is not above zero

/// Numbers on the device, one after the other.
inline Array on_device(Exec const& exec, std::vector<double> const& values)
{
  return Array::from_host(exec, DType::float64, {static_cast<index_t>(values.size())}, values);
}

/// A field as kernels read it: float64, whatever it is stored in.
template <class T> struct CellValues {
  View<T const, 3> values;
  KOKKOS_INLINE_FUNCTION double operator()(index_t sample, index_t cell, index_t channel) const
  {
    return static_cast<double>(values(sample, cell, channel));
  }
};
template <class T> CellValues<T> field(Array const& a) { return {a.view<T, 3>()}; }

template <class T> KOKKOS_INLINE_FUNCTION void add_to(View<T, 3> const& g, index_t s, index_t cell, index_t c, double v)
{
  g(s, cell, c) = static_cast<T>(static_cast<double>(g(s, cell, c)) + v);
}

/// f(sample, cell) for every cell of y [samples, cells, channels].
template <class F> void each_cell(char const* label, Exec const& exec, Array const& y, F const& f)
{
  index_t const cells = y.extent(1);
  Kokkos::parallel_for(
      label, Range(exec, 0, y.extent(0) * cells), KOKKOS_LAMBDA(index_t i) { f(i / cells, i % cells); });
}

/// Base: the tape, and the copy of what stays.
class ColumnBlock : public Postblock {
public:
  Var apply(Context& context, Var const& y, Array const& x) const override
  {
    Array const result = y.value().clone(context.exec);
    compute(context.exec, y.value(), x, result);
    bool const recording = context.recording(y);
    Var const out(result, recording);
    if (recording)
      context.tape->record(
          "column diagnostic", out,
          [this, y, x, out](Exec const& exec) {
            Array const dy = out.grad().clone(exec);
            backward(exec, y.value(), x, out.grad(), dy);
            y.accumulate(exec, dy);
          },
          x.bytes());
    return out;
  }

  bool only_adds() const override { return true; }

protected:
  /// Writes the block's channels of `result`, a copy of y.
  virtual void compute(Exec const&, Array const& y, Array const& x, Array const& result) const = 0;
  /// dy, a copy of g, loses what the block's channels got and gains what these pass on.
  virtual void backward(Exec const&, Array const& y, Array const& x, Array const& g, Array const& dy) const = 0;
};

} // namespace rossby
