#include "train/device_chain.hpp"

#include "core/rows.hpp"

#include <cmath>

namespace rossby {

namespace {
/// What a record does; `fill` steps become one `keep_original` and a record for each rule.
enum Op : int { affine, affine_by_cell, log_of, exp_of, root, square, clamp, keep_original, fill_rule };

KOKKOS_INLINE_FUNCTION bool holds(int op, double value, double search)
{
  bool const search_is_nan = search != search;
  bool const equal = search_is_nan ? value != value : value == search;
  switch (static_cast<FillRule::Op>(op)) {
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

struct Tables {
  decltype(IndexList().view()) start;
  View<double const, 2> records;
  View<double const, 3> cells;
};

/// Value and derivative after a channel's chain.
struct Dual {
  double value, slope;
};

KOKKOS_INLINE_FUNCTION Dual run(Tables const& t, index_t channel, index_t cell, double x)
{
  double value = x, slope = 1, original = x;
  for (index_t i = t.start(channel); i < t.start(channel + 1); ++i) {
    double const a = t.records(i, 1), b = t.records(i, 2), c = t.records(i, 3);
    int const op = static_cast<int>(t.records(i, 0));
    if (op == affine) {
      value = a * value + b;
      slope *= a;
    } else if (op == affine_by_cell) {
      index_t const field = static_cast<index_t>(a);
      value = t.cells(field, 0, cell) * value + t.cells(field, 1, cell);
      slope *= t.cells(field, 0, cell);
    } else if (op == log_of) { // (ln(x + eps) - ln eps) / ln base, with a = eps, b = ln eps, c = 1 / ln base
      slope *= c / (value + a);
      value = (math::log(value + a) - b) * c;
    } else if (op == exp_of) { // exp(x ln base + ln eps) - eps, with c = ln base
      double const power = math::exp(value * c + b);
      value = power - a;
      slope *= power * c;
    } else if (op == root) {
      value = math::sqrt(value);
      slope *= 0.5 / value;
    } else if (op == square) {
      slope *= 2 * value;
      value *= value;
    } else if (op == clamp) {
      if (value < a || value > b) {
        value = value < a ? a : b;
        slope = 0;
      }
    } else if (op == keep_original) {
      original = value;
    } else if (holds(op - fill_rule, original, a)) {
      value = b;
      slope = 0;
    }
  }
  return {value, slope};
}

template <class T> void apply_kernel(Exec const& exec, Tables const t, View<T const, 3> x, View<T, 3> y)
{
  index_t const cells = static_cast<index_t>(x.extent(1)), channels = static_cast<index_t>(x.extent(2));
  for_rows(
      "rossby::train::chain", exec, static_cast<index_t>(x.extent(0)) * cells, channels, KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number() % cells, sample = row.number() / cells;
        row.each(channels, [&](index_t c) {
          y(sample, cell, c) = static_cast<T>(run(t, c, cell, static_cast<double>(x(sample, cell, c))).value);
        });
      });
}

template <class T>
void backward_kernel(Exec const& exec, Tables const t, View<T const, 3> x, View<T const, 3> dy, View<T, 3> dx)
{
  index_t const cells = static_cast<index_t>(x.extent(1)), channels = static_cast<index_t>(x.extent(2));
  for_rows(
      "rossby::train::chain_backward", exec, static_cast<index_t>(x.extent(0)) * cells, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number() % cells, sample = row.number() / cells;
        row.each(channels, [&](index_t c) {
          double const slope = run(t, c, cell, static_cast<double>(x(sample, cell, c))).slope;
          dx(sample, cell, c) = static_cast<T>(slope * static_cast<double>(dy(sample, cell, c)));
        });
      });
}

void append(std::vector<double>& records, double op, double a = 0, double b = 0, double c = 0)
{
  records.insert(records.end(), {op, a, b, c});
}

void append(std::vector<double>& records, std::vector<double>& cells, TransformStep const& step, Box const& tile,
            index_t width)
{
  using Kind = TransformStep::Kind;
  switch (step.kind) {
  case Kind::affine:
    if (step.cell_scale.empty() && step.cell_offset.empty()) {
      append(records, affine, step.scale, step.offset);
      return;
    }
    append(records, affine_by_cell,
           static_cast<double>(cells.size()) / static_cast<double>(2 * std::max<index_t>(1, tile.cells())));
    for (auto const& [values, fallback] :
         {std::pair(&step.cell_scale, step.scale), std::pair(&step.cell_offset, step.offset)})
      for (index_t row = tile.row0; row < tile.row1; ++row)
        for (index_t col = tile.col0; col < tile.col1; ++col)
          cells.push_back(values->empty() ? fallback : values->at(static_cast<std::size_t>(row * width + col)));
    return;
  case Kind::log:
    append(records, log_of, step.eps, std::log(step.eps), 1 / std::log(step.base));
    return;
  case Kind::exp:
    append(records, exp_of, step.eps, std::log(step.eps), std::log(step.base));
    return;
  case Kind::sqrt:
    append(records, root);
    return;
  case Kind::square:
    append(records, square);
    return;
  case Kind::clamp:
    append(records, clamp, step.low, step.high);
    return;
  case Kind::fill:
    append(records, keep_original);
    for (auto const& rule : step.rules)
      append(records, fill_rule + static_cast<int>(rule.op), rule.search, rule.fill);
    return;
  }
}
} // namespace

DeviceChains::DeviceChains(std::vector<TransformChain> const& by_channel, Box const& tile, index_t width)
{
  std::vector<double> records, cells;
  std::vector<index_t> start{0};
  for (auto const& chain : by_channel) {
    for (auto const& step : chain)
      append(records, cells, step, tile, width);
    start.push_back(static_cast<index_t>(records.size() / 4));
  }
  start_ = IndexList(Exec(), start);
  records_ = Array::from_host(Exec(), DType::float64, {start.back(), 4}, records);
  index_t const pair = 2 * std::max<index_t>(1, tile.cells());
  cell_values_ =
      Array::from_host(Exec(), DType::float64, {static_cast<index_t>(cells.size()) / pair, 2, pair / 2}, cells);
}

void DeviceChains::apply(Exec const& exec, Array const& x, Array const& y) const
{
  ROSSBY_EXPECT(x.extent(x.rank() - 1) == channels() && x.size() == y.size());
  Shape const flat{x.extent(0), x.size() / std::max<index_t>(1, x.extent(0) * channels()), channels()};
  Tables const tables{start_.view(), records_.view<double, 2>(), cell_values_.view<double, 3>()};
  dispatch_wide(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    apply_kernel<T>(exec, tables, x.reshaped(flat).template view<T, 3>(), y.reshaped(flat).template view<T, 3>());
  });
}

void DeviceChains::backward(Exec const& exec, Array const& x, Array const& dy, Array const& dx) const
{
  Shape const flat{x.extent(0), x.size() / std::max<index_t>(1, x.extent(0) * channels()), channels()};
  Tables const tables{start_.view(), records_.view<double, 2>(), cell_values_.view<double, 3>()};
  dispatch_wide(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    backward_kernel<T>(exec, tables, x.reshaped(flat).template view<T, 3>(), dy.reshaped(flat).template view<T, 3>(),
                       dx.reshaped(flat).template view<T, 3>());
  });
}

Var DeviceChains::operator()(Context& context, Var const& x) const
{
  if (identity())
    return x;
  Var y(Array::empty(x.value().dtype(), x.value().shape()), context.recording(x));
  apply(context.exec, x.value(), y.value());
  if (context.recording(x))
    context.tape->record("transform chain", y, [chains = *this, x, y](Exec const& exec) {
      Array const dx = Array::empty(x.value().dtype(), x.value().shape());
      chains.backward(exec, x.value(), y.grad(), dx);
      x.accumulate(exec, dx);
    });
  return y;
}

} // namespace rossby
