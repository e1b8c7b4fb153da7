#pragma once
/// \file
/// What each kind of transform step computes, written once for hosts and devices: a step becomes records of four
/// numbers, and running a record moves a value on, and the chain's derivative with it.

#include "data/transform.hpp"

#include <vector>

namespace rossby {

struct TransformRecord {
  /// A `fill` step becomes one `keep_original` and a record for each rule: `fill_rule` plus the rule's Op.
  enum Op : int { affine, affine_by_cell, log_of, exp_of, root, square, clamp, keep_original, fill_rule };
  double op, a, b, c; ///< all float64, as devices hold them
};

/// The records of a step; `field` is how the numbers by cell are known to whoever runs them.
std::vector<TransformRecord> records_of(TransformStep const&, index_t field);

struct ChainValue {
  double value, slope = 1, original = value;
};

KOKKOS_INLINE_FUNCTION bool holds(FillRule::Op op, double value, double search)
{
  bool const search_is_nan = search != search;
  bool const equal = search_is_nan ? value != value : value == search;
  switch (op) {
  case FillRule::Op::equal:
    return equal;
  case FillRule::Op::not_equal:
    return !equal;
  case FillRule::Op::less:
    return value < search;
  case FillRule::Op::less_equal:
    return value <= search;
  case FillRule::Op::greater:
    return value > search;
  case FillRule::Op::greater_equal:
    return value >= search;
  }
  return false;
}

/// `cells(field, 0)` and `cells(field, 1)`: scale and offset of the cell at hand.
template <class Cells> KOKKOS_INLINE_FUNCTION void run(TransformRecord const& record, Cells const& cells, ChainValue& x)
{
  double const a = record.a, b = record.b, c = record.c;
  int const op = static_cast<int>(record.op);
  if (op == TransformRecord::affine) {
    x.value = a * x.value + b;
    x.slope *= a;
  } else if (op == TransformRecord::affine_by_cell) {
    double const scale = cells(static_cast<index_t>(a), 0);
    x.value = scale * x.value + cells(static_cast<index_t>(a), 1);
    x.slope *= scale;
  } else if (op == TransformRecord::log_of) { // (ln(x + eps) - ln eps) / ln base, with a = eps, b = ln eps, c = ln base
    x.slope /= (x.value + a) * c;
    x.value = (math::log(x.value + a) - b) / c;
  } else if (op == TransformRecord::exp_of) { // exp(x ln base + ln eps) - eps, with the same numbers
    double const power = math::exp(x.value * c + b);
    x.value = power - a;
    x.slope *= power * c;
  } else if (op == TransformRecord::root) {
    x.value = math::sqrt(x.value);
    x.slope *= 0.5 / x.value;
  } else if (op == TransformRecord::square) {
    x.slope *= 2 * x.value;
    x.value *= x.value;
  } else if (op == TransformRecord::clamp) {
    if (x.value < a || x.value > b) { // never for NaN
      x.value = x.value < a ? a : b;
      x.slope = 0;
    }
  } else if (op == TransformRecord::keep_original) {
    x.original = x.value;
  } else if (holds(static_cast<FillRule::Op>(op - TransformRecord::fill_rule), x.original, a)) {
    x.value = b;
    x.slope = 0;
  }
}

} // namespace rossby
