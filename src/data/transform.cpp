#include "data/transform_record.hpp"

#include "core/suggest.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {

using Kind = TransformStep::Kind;

/// Scale and offset of one cell, by pointers, which nvcc takes in code for both sides.
struct AtCell {
  double const *scale, *offset;
  index_t cell;
  KOKKOS_INLINE_FUNCTION double operator()(index_t, int which) const { return (which == 0 ? scale : offset)[cell]; }
};

/// The step's records over cells of the global grid, one value each.
class HostStep {
public:
  explicit HostStep(TransformStep const& step) : step_(&step), records_(records_of(step, 0)) {}
  double operator()(double value, index_t cell) const
  {
    ChainValue x{value};
    for (auto const& record : records_)
      run(record, AtCell{step_->cell_scale.data(), step_->cell_offset.data(), cell}, x);
    return x.value;
  }

private:
  TransformStep const* step_;
  std::vector<TransformRecord> records_;
};

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

std::vector<TransformRecord> records_of(TransformStep const& s, index_t field)
{
  using R = TransformRecord;
  auto const one = [](R::Op op, double a = 0, double b = 0, double c = 0) {
    return std::vector<R>(1, R{static_cast<double>(op), a, b, c});
  };
  switch (s.kind) {
  case Kind::affine:
    if (!s.cell_scale.empty())
      return one(R::affine_by_cell, static_cast<double>(field));
    return one(R::affine, s.scale, s.offset);
  case Kind::log:
    return one(R::log_of, s.eps, std::log(s.eps), std::log(s.base));
  case Kind::exp:
    return one(R::exp_of, s.eps, std::log(s.eps), std::log(s.base));
  case Kind::sqrt:
    return one(R::root);
  case Kind::square:
    return one(R::square);
  case Kind::clamp:
    return one(R::clamp, s.low, s.high);
  case Kind::fill:
    break;
  }
  auto records = one(R::keep_original);
  for (auto const& rule : s.rules)
    records.push_back({static_cast<double>(R::fill_rule + static_cast<int>(rule.op)), rule.search, rule.fill, 0});
  return records;
}

double apply(TransformChain const& chain, double value, index_t cell)
{
  for (auto const& step : chain)
    value = HostStep(step)(value, cell);
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
    HostStep const host(step);
    double* x = values;
    for (index_t r = box.row0; r < box.row1; ++r)
      for (index_t c = box.col0; c < box.col1; ++c, ++x)
        *x = host(*x, r * width + c);
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
