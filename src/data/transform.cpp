#include "data/transform.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

using Kind = TransformStep::Kind;

bool holds(FillRule const& rule, double x)
{
  bool const nan = std::isnan(rule.search);
  switch (rule.op) {
  case FillRule::Op::equal:
    return nan ? std::isnan(x) : x == rule.search;
  case FillRule::Op::not_equal:
    return nan ? !std::isnan(x) : x != rule.search;
  case FillRule::Op::less:
    return x < rule.search;
  case FillRule::Op::less_equal:
    return x <= rule.search;
  case FillRule::Op::greater:
    return x > rule.search;
  case FillRule::Op::greater_equal:
    return x >= rule.search;
  }
  return false;
}

double filled(TransformStep const& step, double x)
{
  double value = x;
  for (auto const& rule : step.rules)
    if (holds(rule, x))
      value = rule.fill;
  return value;
}

double apply(TransformStep const& s, double x, std::size_t cell)
{
  switch (s.kind) {
  case Kind::affine:
    return s.cell_scale.empty() ? s.scale * x + s.offset : s.cell_scale[cell] * x + s.cell_offset[cell];
  case Kind::log:
    return (std::log(x + s.eps) - std::log(s.eps)) / std::log(s.base);
  case Kind::exp:
    return std::exp(x * std::log(s.base) + std::log(s.eps)) - s.eps;
  case Kind::sqrt:
    return std::sqrt(x);
  case Kind::square:
    return x * x;
  case Kind::clamp:
    return std::isnan(x) ? x : std::clamp(x, s.low, s.high);
  case Kind::fill:
    return filled(s, x);
  }
  return x;
}

bool undo_each_other(TransformStep const& a, TransformStep const& b)
{
  bool const logs = (a.kind == Kind::log && b.kind == Kind::exp) || (a.kind == Kind::exp && b.kind == Kind::log);
  bool const roots =
      (a.kind == Kind::sqrt && b.kind == Kind::square) || (a.kind == Kind::square && b.kind == Kind::sqrt);
  return (logs && a.base == b.base && a.eps == b.eps) || roots;
}

/// b after a; what differs from the identity by round-off only becomes the identity.
void join(double a_scale, double a_offset, double b_scale, double b_offset, double& scale, double& offset)
{
  constexpr double tolerance = 1e-12;
  scale = b_scale * a_scale;
  offset = b_scale * a_offset + b_offset;
  if (std::fabs(scale - 1) <= tolerance)
    scale = 1;
  if (std::fabs(offset) <= tolerance * (std::fabs(b_scale * a_offset) + std::fabs(b_offset)))
    offset = 0;
}

TransformStep join(TransformStep const& a, TransformStep const& b)
{
  TransformStep s;
  std::size_t const cells = std::max(a.cell_scale.size(), b.cell_scale.size());
  if (cells == 0) {
    join(a.scale, a.offset, b.scale, b.offset, s.scale, s.offset);
    return s;
  }
  auto const value = [](std::vector<double> const& list, double scalar, std::size_t i) {
    return list.empty() ? scalar : list[i];
  };
  s.cell_scale.resize(cells);
  s.cell_offset.resize(cells);
  for (std::size_t i = 0; i < cells; ++i)
    join(value(a.cell_scale, a.scale, i), value(a.cell_offset, a.offset, i), value(b.cell_scale, b.scale, i),
         value(b.cell_offset, b.offset, i), s.cell_scale[i], s.cell_offset[i]);
  return s;
}

bool is_identity(TransformStep const& s)
{
  if (s.kind != Kind::affine)
    return false;
  auto const all = [](std::vector<double> const& list, double x) {
    return std::all_of(list.begin(), list.end(), [x](double v) { return v == x; });
  };
  return s.cell_scale.empty() ? s.scale == 1 && s.offset == 0 : all(s.cell_scale, 1) && all(s.cell_offset, 0);
}

} // namespace

double apply(TransformChain const& chain, double value, index_t cell)
{
  for (auto const& step : chain)
    value = apply(step, value, static_cast<std::size_t>(cell));
  return value;
}

void apply(TransformChain const& chain, double* values, Box const& box, index_t width)
{
  auto const cells = static_cast<std::size_t>(box.cells());
  for (auto const& step : chain) {
    if (step.kind == Kind::affine && step.cell_scale.empty()) {
      for (std::size_t i = 0; i < cells; ++i)
        values[i] = step.scale * values[i] + step.offset;
      continue;
    }
    double* x = values;
    for (index_t r = box.row0; r < box.row1; ++r)
      for (index_t c = box.col0; c < box.col1; ++c, ++x)
        *x = apply(step, *x, static_cast<std::size_t>(r * width + c));
  }
}

TransformChain inverse(TransformChain const& chain)
{
  TransformChain back;
  for (auto step = chain.rbegin(); step != chain.rend(); ++step) {
    TransformStep s = *step;
    switch (step->kind) {
    case Kind::affine:
      s.scale = 1 / step->scale;
      s.offset = -step->offset / step->scale;
      for (std::size_t i = 0; i < s.cell_scale.size(); ++i) {
        s.cell_scale[i] = 1 / step->cell_scale[i];
        s.cell_offset[i] = -step->cell_offset[i] / step->cell_scale[i];
      }
      break;
    case Kind::log:
      s.kind = Kind::exp;
      break;
    case Kind::exp:
      s.kind = Kind::log;
      break;
    case Kind::sqrt:
      s.kind = Kind::square;
      break;
    case Kind::square:
      s.kind = Kind::sqrt;
      break;
    case Kind::clamp:
    case Kind::fill:
      continue;
    }
    back.push_back(std::move(s));
  }
  return back;
}

TransformChain simplify(TransformChain chain)
{
  TransformChain simple;
  for (auto& step : chain) {
    if (!simple.empty() && undo_each_other(simple.back(), step)) {
      simple.pop_back();
      continue;
    }
    if (!simple.empty() && simple.back().kind == Kind::affine && step.kind == Kind::affine) {
      simple.back() = join(simple.back(), step);
      if (is_identity(simple.back()))
        simple.pop_back();
      continue;
    }
    if (!is_identity(step))
      simple.push_back(std::move(step));
  }
  return simple;
}

} // namespace rossby
