#include <rossby/ops/shuffle.hpp>

#include "core/rows.hpp"

#include <algorithm>

namespace rossby::ops {

namespace {

template <class T, bool forward> void shuffle(Exec const& exec, View<T, 4> coarse, View<T, 4> fine)
{
  index_t const rows = static_cast<index_t>(coarse.extent(1)), cols = static_cast<index_t>(coarse.extent(2));
  index_t const channels = static_cast<index_t>(fine.extent(3));
  index_t const cells = static_cast<index_t>(coarse.extent(0)) * rows * cols;
  for_rows(
      forward ? "rossby::ops::pixel_shuffle" : "rossby::ops::pixel_shuffle_adjoint", exec, cells, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number(), j = cell % cols, i = cell / cols % rows, b = cell / (cols * rows);
        T *north = &fine(b, 2 * i, 2 * j, 0), *south = &fine(b, 2 * i + 1, 2 * j, 0), *c = &coarse(b, i, j, 0);
        row.each(channels, [&](index_t k) {
          if (forward) {
            north[k] = c[4 * k], north[channels + k] = c[4 * k + 1];
            south[k] = c[4 * k + 2], south[channels + k] = c[4 * k + 3];
          } else {
            c[4 * k] = north[k], c[4 * k + 1] = north[channels + k];
            c[4 * k + 2] = south[k], c[4 * k + 3] = south[channels + k];
          }
        });
      });
}

void check_shapes(Array const& coarse, Array const& fine)
{
  ROSSBY_EXPECT(coarse.extent(0) == fine.extent(0) && 2 * coarse.extent(1) == fine.extent(1) &&
                2 * coarse.extent(2) == fine.extent(2) && coarse.extent(3) == 4 * fine.extent(3));
}

using Indices = Kokkos::View<index_t const*, Kokkos::LayoutRight, Device, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

template <class T>
void multiply(Exec const& exec, Indices start, Indices column, View<double, 1> weight, View<T, 3> x, View<T, 3> y)
{
  index_t const rows = static_cast<index_t>(y.extent(1)), channels = static_cast<index_t>(y.extent(2));
  for_rows(
      "rossby::ops::stencil", exec, static_cast<index_t>(y.extent(0)) * rows, channels, KOKKOS_LAMBDA(Row const& row) {
        using W = wide_t<T>;
        index_t const b = row.number() / rows, target = row.number() % rows;
        index_t const first = start(target), last = start(target + 1);
        row.sums<W>(channels, into(&y(b, target, 0)), [&](auto const& add) {
          for (index_t e = first; e < last; ++e)
            add(&x(b, column(e), 0), static_cast<W>(weight(e)));
        });
      });
}

} // namespace

void pixel_shuffle_forward(Exec const& exec, Array const& x, Out y)
{
  check_shapes(x, y);
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    shuffle<T, true>(exec, x.view<T, 4>(), y.view<T, 4>());
  });
}

void pixel_shuffle_backward(Exec const& exec, Array const& dy, Out dx)
{
  check_shapes(dx, dy);
  dispatch(dx.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    shuffle<T, false>(exec, dx.view<T, 4>(), dy.view<T, 4>());
  });
}

Stencil::Rows Stencil::rows_of(Exec const& exec, index_t rows, std::vector<Entry> entries)
{
  std::stable_sort(entries.begin(), entries.end(), [](Entry const& a, Entry const& b) { return a.target < b.target; });
  std::vector<index_t> start(static_cast<std::size_t>(rows) + 1, 0), column;
  std::vector<double> weight;
  for (auto const& e : entries) {
    ++start[static_cast<std::size_t>(e.target) + 1];
    column.push_back(e.source);
    weight.push_back(e.weight);
  }
  for (std::size_t r = 1; r < start.size(); ++r)
    start[r] += start[r - 1];
  return {IndexList(exec, start), IndexList(exec, column),
          Array::from_host(exec, DType::float64, {static_cast<index_t>(weight.size())}, weight)};
}

Stencil::Stencil(Exec const& exec, index_t targets, index_t sources, std::vector<Entry> const& entries)
    : targets_(targets), sources_(sources)
{
  forward_ = rows_of(exec, targets, entries);
  auto swapped = entries;
  for (auto& e : swapped)
    std::swap(e.target, e.source);
  backward_ = rows_of(exec, sources, std::move(swapped));
}

void Stencil::apply(Exec const& exec, Array const& x, Out y) const
{
  ROSSBY_EXPECT(x.extent(1) == sources_ && y.extent(1) == targets_);
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    multiply<T>(exec, forward_.start.view(), forward_.column.view(), forward_.weight.flat<double>(), x.view<T, 3>(),
                y.view<T, 3>());
  });
}

void Stencil::adjoint(Exec const& exec, Array const& dy, Out dx) const
{
  ROSSBY_EXPECT(dx.extent(1) == sources_ && dy.extent(1) == targets_);
  dispatch(dx.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    multiply<T>(exec, backward_.start.view(), backward_.column.view(), backward_.weight.flat<double>(), dy.view<T, 3>(),
                dx.view<T, 3>());
  });
}

} // namespace rossby::ops
