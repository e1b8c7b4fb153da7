#pragma once
/// \file
/// What the nodes of the tape are made with.

#include <rossby/autograd/functions.hpp>

namespace rossby {

/// A result that needs a gradient when any input does and somebody records.
inline Var result_of(Context const& ctx, Array value, std::initializer_list<Var> inputs)
{
  bool needs = false;
  for (auto const& v : inputs)
    needs = needs || v.needs_grad();
  return Var(std::move(value), ctx.tape != nullptr && needs);
}

/// An array to write x's gradient into, or an empty one when it is not wanted.
inline Array wanted_gradient(Var const& x)
{
  return x.needs_grad() ? Array::empty(x.value().dtype(), x.value().shape()) : Array();
}

/// The gradient array to add into, or an empty one when it is not wanted.
inline Array shared_gradient(Exec const& exec, Var const& v)
{
  return v.needs_grad() ? v.grad_to_add_to(exec) : Array();
}

/// As above, for kernels that add in any case.
inline Array shared_gradient_or_scratch(Exec const& exec, Var const& v)
{
  return v.needs_grad() ? v.grad_to_add_to(exec) : Array::zeros(exec, v.value().dtype(), v.value().shape());
}

inline Array value_or_nothing(Var const& v) { return v ? v.value() : Array(); }

inline Shape with_cells(Var const& x, Shape const& cells)
{
  Shape shape{x.value().extent(0)};
  shape.insert(shape.end(), cells.begin(), cells.end());
  shape.push_back(x.value().shape().back());
  return shape;
}

/// [B, cells, C], whatever lies in between.
inline Array as_cells(Array const& a)
{
  index_t const batch = a.extent(0), channels = a.shape().back();
  index_t cells = 1;
  for (int i = 1; i + 1 < a.rank(); ++i)
    cells *= a.extent(i);
  return a.reshaped({batch, cells, channels});
}

} // namespace rossby
