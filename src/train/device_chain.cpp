#include "train/device_chain.hpp"

#include "core/rows.hpp"
#include "data/transform_record.hpp"

#include <cmath>

namespace rossby {

namespace {
struct Tables {
  decltype(IndexList().view()) start;
  View<double const, 2> records;
  View<double const, 3> cells;
};

KOKKOS_INLINE_FUNCTION ChainValue run(Tables const& t, index_t channel, index_t cell, double value)
{
  ChainValue x{value};
  for (index_t i = t.start(channel); i < t.start(channel + 1); ++i)
    run(
        TransformRecord{t.records(i, 0), t.records(i, 1), t.records(i, 2), t.records(i, 3)},
        [&](index_t field, int which) { return t.cells(field, which, cell); }, x);
  return x;
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

/// Scale and offset of the tile's cells, after those that are there.
void append(std::vector<double>& cells, TransformStep const& step, Box const& tile, index_t width)
{
  for (auto const* values : {&step.cell_scale, &step.cell_offset})
    for (index_t row = tile.row0; row < tile.row1; ++row)
      for (index_t col = tile.col0; col < tile.col1; ++col)
        cells.push_back(values->at(static_cast<std::size_t>(row * width + col)));
}
} // namespace

DeviceChains::DeviceChains(std::vector<TransformChain> const& by_channel, Box const& tile, index_t width)
{
  std::vector<double> records, cells;
  std::vector<index_t> start{0};
  index_t const pair = 2 * std::max<index_t>(1, tile.cells());
  for (auto const& chain : by_channel) {
    for (auto const& step : chain) {
      for (auto const& r : records_of(step, static_cast<index_t>(cells.size()) / pair))
        records.insert(records.end(), {r.op, r.a, r.b, r.c});
      if (!step.cell_scale.empty())
        append(cells, step, tile, width);
    }
    start.push_back(static_cast<index_t>(records.size() / 4));
  }
  start_ = IndexList(Exec(), start);
  records_ = Array::from_host(Exec(), DType::float64, {start.back(), 4}, records);
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
