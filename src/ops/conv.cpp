// A convolution is a matrix product with the patches of its input. Patches are gathered for a block of output rows at
// a time, small enough to stay in cache; channels-last makes each patch row one contiguous run of kernel * channels
// values. Backward gathers the same patches again rather than keep them.

#include <rossby/ops/conv.hpp>

#include "core/rows.hpp"
#include "ops/gemm.hpp"

namespace rossby::ops {

namespace {

constexpr index_t block_bytes = host_accessible ? index_t(1) << 20 : index_t(1) << 28;

struct Geometry {
  index_t batch, height, width, in, out_height, out_width, kernel, stride, offset;
  index_t row0, rows, col0, cols; ///< the turn's rows and columns of the output
  index_t patch() const { return kernel * kernel * in; }
  index_t lines() const { return batch * rows; } ///< the turn's output rows of all samples
  /// Lines whose patches fit in a block.
  index_t block(std::size_t element) const
  {
    index_t const per_line = cols * patch() * static_cast<index_t>(element);
    return math::min(lines(), math::max(index_t(1), block_bytes / math::max(index_t(1), per_line)));
  }
  bool whole() const { return rows == out_height && cols == out_width; }
};

Geometry geometry_of(ConvShape const& shape, Array const& x, Array const& y, Box const& turn)
{
  Geometry const g{x.extent(0),  x.extent(1),  x.extent(2), x.extent(3), y.extent(1), y.extent(2), shape.kernel,
                   shape.stride, shape.offset, turn.row0,   turn.rows(), turn.col0,   turn.cols()};
  ROSSBY_EXPECT(y.extent(0) == g.batch);
  ROSSBY_EXPECT(turn.row0 >= 0 && turn.row1 <= g.out_height && turn.col0 >= 0 && turn.col1 <= g.out_width);
  ROSSBY_EXPECT(g.offset + (turn.row1 - 1) * g.stride + g.kernel <= g.height &&
                g.offset + (turn.col1 - 1) * g.stride + g.kernel <= g.width);
  return g;
}

template <class T, class O>
void gather_patches(Exec const& exec, Geometry const& g, View<T, 4> x, index_t line0, index_t lines, View<O, 2> patches)
{
  index_t const run = g.kernel * g.in;
  for_rows(
      "rossby::ops::conv_patches", exec, lines * g.cols, run, KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number(), j = g.col0 + cell % g.cols, line = line0 + cell / g.cols;
        index_t const b = line / g.rows, i = g.row0 + line % g.rows;
        for (index_t p = 0; p < g.kernel; ++p)
          row.copy(run, &patches(cell, p * run), &x(b, g.offset + i * g.stride + p, g.offset + j * g.stride, 0));
      });
}

/// Adds the gradients of patches back onto the cells they came from, in the type of the sums; each input cell is one
/// work item: no atomics.
template <class T>
void scatter_patches(Exec const& exec, Geometry const& g, View<T, 2> patches, index_t line0, index_t lines,
                     View<T, 4> dx)
{
  // Input rows that the lines [line0, line0 + lines) reach, counted through the rows of all samples, and columns.
  index_t const b0 = line0 / g.rows, b1 = (line0 + lines - 1) / g.rows;
  index_t const first = b0 * g.height + g.offset + (g.row0 + line0 % g.rows) * g.stride;
  index_t const last = b1 * g.height + g.offset + (g.row0 + (line0 + lines - 1) % g.rows) * g.stride + g.kernel - 1;
  index_t const left = g.col0 * g.stride, across = (g.cols - 1) * g.stride + g.kernel;
  for_rows(
      "rossby::ops::conv_patches_adjoint", exec, (last - first + 1) * across, g.in, KOKKOS_LAMBDA(Row const& cell) {
        index_t const row = first + cell.number() / across, b = row / g.height;
        index_t const r = row % g.height - g.offset, s = left + cell.number() % across;
        if (r < 0)
          return;
        cell.sums<T>(g.in, onto(&dx(b, r + g.offset, s + g.offset, 0)), [&](auto const& add) {
          for (index_t p = r % g.stride; p < g.kernel && p <= r; p += g.stride) {
            index_t const i = (r - p) / g.stride - g.row0, line = b * g.rows + i - line0;
            if (i < 0 || i >= g.rows || line < 0 || line >= lines)
              continue;
            for (index_t q = s % g.stride; q < g.kernel && q <= s; q += g.stride) {
              index_t const j = (s - q) / g.stride - g.col0;
              if (j >= 0 && j < g.cols)
                add(&patches(line * g.cols + j, (p * g.kernel + q) * g.in));
            }
          }
        });
      });
}

template <class T> View<T, 2> block_of(Array const& y, index_t row0, index_t rows, index_t channel0, index_t channels)
{
  index_t const total = y.extent(3);
  auto const matrix = y.reshaped({y.size() / total, total}).view<T, 2>();
  return Kokkos::subview(matrix, Kokkos::make_pair(row0, row0 + rows),
                         Kokkos::make_pair(channel0, channel0 + channels));
}

/// Between lines of a turn, which do not follow one another in y, and a matrix of theirs.
template <class T, bool to_y>
void copy_lines(Exec const& exec, Geometry const& g, index_t line0, View<T, 4> y, index_t channel0, View<T, 2> matrix)
{
  index_t const channels = static_cast<index_t>(matrix.extent(1));
  for_rows(
      to_y ? "rossby::ops::conv_lines_to_y" : "rossby::ops::conv_lines_of_y", exec,
      static_cast<index_t>(matrix.extent(0)), channels, KOKKOS_LAMBDA(Row const& row) {
        index_t const cell = row.number(), line = line0 + cell / g.cols;
        T* whole = &y(line / g.rows, g.row0 + line % g.rows, g.col0 + cell % g.cols, channel0);
        T* part = &matrix(cell, 0);
        row.copy(channels, to_y ? whole : part, to_y ? part : whole);
      });
}

/// Goes through a turn's output rows block by block: f(first line, lines, room for their patches, their `channels`
/// channels of y from `channel0` on), which f writes if `to_y`. Patches are of type P.
template <class P, class T, bool to_y, class F>
void for_each_block(Exec const& exec, Geometry const& g, Array const& y, index_t channel0, index_t channels,
                    std::function<void()> const& meanwhile, F const& f)
{
  index_t const block = g.block(sizeof(P));
  Array const patches = Array::empty(dtype_of<P>(), {block * g.cols, g.patch()});
  bool const in_a_row = g.whole() || (g.batch == 1 && g.cols == g.out_width);
  Array const copies = in_a_row ? Array() : Array::empty(y.dtype(), {block * g.cols, channels});
  for (index_t line = 0; line < g.lines(); line += block) {
    index_t const lines = math::min(block, g.lines() - line), cells = lines * g.cols;
    auto const room = patches.rows(0, cells).template view<P, 2>();
    if (in_a_row) {
      f(line, lines, room, block_of<T>(y, (g.row0 + line) * g.out_width, cells, channel0, channels));
    } else {
      auto const copy = copies.rows(0, cells).template view<T, 2>();
      if (!to_y)
        copy_lines<T, false>(exec, g, line, y.view<T, 4>(), channel0, copy);
      f(line, lines, room, copy);
      if (to_y)
        copy_lines<T, true>(exec, g, line, y.view<T, 4>(), channel0, copy);
    }
    if (meanwhile)
      meanwhile();
  }
}

/// f(T, O, To) with the types of x, of operands and of y: y is of x's type, or of the wide type that it would be
/// rounded from.
template <class F> void dispatch_pair(Array const& x, Array const& y, F const& f)
{
  dispatch_operands(x.dtype(), [&](auto from, auto operand) {
    using T = typename decltype(from)::type;
    if (y.dtype() == x.dtype())
      f(from, operand, from);
    else
      f(from, operand, TypeTag<wide_t<T>>{});
  });
}

} // namespace

Box cells_needing_only(std::vector<ConvShape> const& shapes, Box const& input, index_t rows, index_t cols)
{
  Box cells{0, rows, 0, cols};
  for (auto const& s : shapes) {
    // The first index whose window begins at `begin` or later, and the one after the last that ends at `end`.
    auto const first = [&](index_t begin) {
      return (math::max(begin - s.offset, index_t(0)) + s.stride - 1) / s.stride;
    };
    auto const past = [&](index_t end) {
      index_t const room = end - s.offset - s.kernel;
      return room < 0 ? 0 : room / s.stride + 1;
    };
    cells = intersect(cells, {first(input.row0), past(input.row1), first(input.col0), past(input.col1)});
  }
  return cells;
}

void conv_forward(Exec const& exec, ConvShape shape, Array const& x, Array const& w, Scale const& scale,
                  Array const& bias, Out y, index_t channel0, Turn const& turn)
{
  if (y.size() == 0 || turn.cells.empty())
    return;
  Geometry const g = geometry_of(shape, x, y, turn.cells);
  index_t const out = w.extent(0);
  ROSSBY_EXPECT(w.size() == out * g.patch());
  dispatch_pair(x, y, [&](auto from, auto operand, auto to) {
    using T = typename decltype(from)::type;
    using O = typename decltype(operand)::type;
    using To = typename decltype(to)::type;
    auto const weights = weight_operand<T, O>(exec, w.reshaped({out, g.patch()}), scale);
    for_each_block<O, To, true>(exec, g, y, channel0, out, turn.meanwhile,
                                [&](index_t line, index_t lines, View<O, 2> patches, View<To, 2> target) {
                                  gather_patches<T, O>(exec, g, x.view<T, 4>(), line, lines, patches);
                                  product_into<O, To>(exec, 'T', patches, weights, bias, target);
                                });
  });
}

void conv_input_backward(Exec const& exec, ConvShape shape, Array const& w, Scale const& scale, Array const& dy,
                         index_t channel0, Out dx, Turn const& turn)
{
  if (dy.size() == 0 || turn.cells.empty())
    return;
  Geometry const g = geometry_of(shape, dx, dy, turn.cells);
  index_t const out = w.extent(0);
  dispatch_operands(dy.dtype(), [&](auto tag, auto operand) {
    using T = typename decltype(tag)::type;
    using O = typename decltype(operand)::type;
    using W = wide_t<T>;
    auto const weights = weight_operand<T, O>(exec, w.reshaped({out, g.patch()}), scale);
    for_each_block<W, T, false>(exec, g, dy, channel0, out, turn.meanwhile,
                                [&](index_t line, index_t lines, View<W, 2> patches, View<T, 2> upstream) {
                                  Array storage;
                                  scaled_product<O, W>(exec, 'N', as_operand<T, O>(exec, upstream, storage), weights,
                                                       {}, patches);
                                  scatter_patches<W>(exec, g, patches, line, lines, dx.view<W, 4>());
                                });
  });
}

void conv_weight_backward(Exec const& exec, ConvShape shape, Array const& x, Array const& dy, index_t channel0, Out dw,
                          Out dbias, std::function<void()> const& meanwhile)
{
  if (dy.size() == 0)
    return;
  Geometry const g = geometry_of(shape, x, dy, all_of(dy).cells);
  dispatch_operands(x.dtype(), [&](auto tag, auto operand) {
    using T = typename decltype(tag)::type;
    using O = typename decltype(operand)::type;
    using W = wide_t<T>;
    if (dw) {
      index_t const out = dw.extent(0);
      auto const sum = dw.reshaped({out, g.patch()}).template view<W, 2>();
      for_each_block<O, T, false>(exec, g, dy, channel0, out, meanwhile,
                                  [&](index_t line, index_t lines, View<O, 2> patches, View<T, 2> upstream) {
                                    Array storage;
                                    auto const gradient = as_operand<T, O>(exec, upstream, storage);
                                    gather_patches<T, O>(exec, g, x.view<T, 4>(), line, lines, patches);
                                    product<O>(exec, 'T', 'N', gradient, patches, 1, sum);
                                  });
    }
    if (dbias)
      column_sums<T>(exec, block_of<T>(dy, 0, g.lines() * g.out_width, channel0, dbias.size()), 1, dbias.flat<W>());
  });
}

} // namespace rossby::ops
