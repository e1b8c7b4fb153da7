// Gathering patches for a kernel of 32 x 32 moves every input value 256 times to multiply it with a handful of output
// channels. Here the product comes first and the sum over the kernel second. With stride s, an input row is a matrix of
// [columns / s, s * channels] without moving anything, and it meets the kernel rows of its own phase (row mod s) only.
// One product gives its terms for all kernel rows, all groups of s kernel columns and all channels of all branches; the
// terms are then added where they belong. Each term is computed once, and the products are large.

#include "ops/embed.hpp"

#include "core/rows.hpp"
#include "ops/gemm.hpp"

#include <algorithm>

namespace rossby::ops {

namespace {

constexpr index_t block_bytes = host_accessible ? index_t(3) << 19 : index_t(1) << 28;
constexpr int most_branches = 8;

/// Everything counted in strides.
struct Layout {
  index_t batch, row0, rows, group0, groups; ///< the turn's input rows of a phase, groups of s columns
  index_t in, stride;                        ///< of the input
  index_t out_rows, out_cols, terms;         ///< terms: products per group of columns
  int branches;
  index_t taps[most_branches], shift[most_branches], out[most_branches], column0[most_branches],
      channel0[most_branches];

  index_t depth() const { return stride * in; }
  index_t lines() const { return batch * rows; }
  index_t block(std::size_t element) const
  {
    return std::clamp<index_t>(block_bytes / (groups * terms * static_cast<index_t>(element)), 1, lines());
  }
};

Layout layout_of(Array const& x, std::vector<EmbedBranch> const& branches, Array const& y, Box const& turn)
{
  Layout l{};
  l.stride = branches[0].shape.stride;
  l.batch = x.extent(0);
  l.in = x.extent(3);
  l.row0 = turn.row0;
  l.rows = turn.rows();
  l.group0 = turn.col0;
  l.groups = turn.cols();
  l.out_rows = y.extent(1);
  l.out_cols = y.extent(2);
  l.branches = static_cast<int>(branches.size());
  index_t const all_rows = x.extent(1) / l.stride, all_groups = x.extent(2) / l.stride;
  ROSSBY_EXPECT(l.branches <= most_branches && x.extent(1) % l.stride == 0 && x.extent(2) % l.stride == 0);
  ROSSBY_EXPECT(turn.row0 >= 0 && turn.row1 <= all_rows && turn.col0 >= 0 && turn.col1 <= all_groups);
  for (int j = 0; j < l.branches; ++j) {
    auto const& b = branches[static_cast<std::size_t>(j)];
    l.taps[j] = b.shape.kernel / l.stride;
    l.shift[j] = b.shape.offset / l.stride;
    l.out[j] = b.out;
    l.channel0[j] = b.channel0;
    l.column0[j] = l.terms;
    l.terms += l.taps[j] * l.taps[j] * b.out;
    ROSSBY_EXPECT(l.shift[j] + l.out_rows - 1 + l.taps[j] <= all_rows &&
                  l.shift[j] + l.out_cols - 1 + l.taps[j] <= all_groups);
  }
  return l;
}

/// compact[line, :] = the input rows of one phase, a block of them.
template <class T, class O>
void collect_rows(Exec const& exec, Layout const& l, index_t phase, index_t line0, View<T, 4> x, View<O, 2> compact)
{
  index_t const run = l.depth();
  for_rows(
      "rossby::ops::embed_rows", exec, static_cast<index_t>(compact.extent(0)) * l.groups, run,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const line = line0 + row.number() / l.groups, group = row.number() % l.groups;
        index_t const input = (l.row0 + line % l.rows) * l.stride + phase;
        row.copy(run, &compact(row.number() / l.groups, 0) + group * run,
                 &x(line / l.rows, input, (l.group0 + group) * l.stride, 0));
      });
}

/// Between a branch's weight [out, kernel, kernel, in] and its rows of the phase's matrix, [tap row, tap column, out]
/// of s * in values each. `forward` fills the matrix with weight / sigma as activations of T meet it, otherwise the
/// matrix, of the wide type, is added to the weight.
template <class T, class M, bool forward>
void exchange_weights(Exec const& exec, Layout const& l, int j, index_t phase, double const* sigma,
                      View<wide_t<T>, 2> weight, View<M, 2> matrix)
{
  using W = wide_t<T>;
  index_t const taps = l.taps[j], out = l.out[j], first = l.column0[j], run = l.depth(), kernel = taps * l.stride;
  index_t const stride = l.stride, in = l.in;
  for_rows(
      forward ? "rossby::ops::embed_weights" : "rossby::ops::embed_weights_adjoint", exec, taps * taps * out, run,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const item = row.number(), o = item % out, b = item / out % taps, a = item / (out * taps);
        W* w = &weight(o, 0) + ((phase + a * stride) * kernel + b * stride) * in;
        M* m = &matrix(first + item, 0);
        if (forward) {
          W const scale = static_cast<W>(Scale::of(sigma));
          row.each(
              run, [&](M& to, W from) { to = M(T(scale * from)); }, into(m), w);
        } else {
          row.each(
              run, [](W& to, M from) { to += from; }, onto(w), m);
        }
      });
}

/// Adds the terms of a block of lines to the outputs they belong to. Every output cell is one work item.
template <class T>
void add_terms(Exec const& exec, Layout const& l, index_t line0, index_t lines, View<T, 2> terms, View<T, 4> y)
{
  index_t const b0 = line0 / l.rows, b1 = (line0 + lines - 1) / l.rows;
  index_t most = 0;
  for (int j = 0; j < l.branches; ++j)
    most = std::max(most, l.shift[j] + l.taps[j]);
  // Output rows that the block can reach, counted through the samples.
  index_t const first = std::max(b0 * l.out_rows, b0 * l.out_rows + l.row0 + line0 % l.rows - most);
  index_t const last = std::min((b1 + 1) * l.out_rows, b1 * l.out_rows + l.row0 + (line0 + lines - 1) % l.rows + 1);
  if (last <= first)
    return;
  for_rows(
      "rossby::ops::embed_add", exec, (last - first) * l.out_cols, l.out[0], KOKKOS_LAMBDA(Row const& cell) {
        index_t const row = first + cell.number() / l.out_cols, b = row / l.out_rows, i = row % l.out_rows,
                      m = cell.number() % l.out_cols;
        for (int j = 0; j < l.branches; ++j) {
          index_t const out = l.out[j], taps = l.taps[j];
          // The taps whose columns the turn has.
          index_t const group = m + l.shift[j] - l.group0;
          index_t const q0 = math::max(index_t(0), -group), q1 = math::min(taps, l.groups - group);
          cell.sums<T>(out, onto(&y(b, i, m, l.channel0[j])), [&](auto const& add) {
            for (index_t a = 0; a < taps && q0 < q1; ++a) {
              index_t const in_part = l.shift[j] + i + a - l.row0, line = b * l.rows + in_part - line0;
              if (in_part < 0 || in_part >= l.rows || line < 0 || line >= lines)
                continue;
              T const* from = &terms(line * l.groups + group + q0, l.column0[j] + (a * taps + q0) * out);
              for (index_t q = q0; q < q1; ++q, from += l.terms + out)
                add(from);
            }
          });
        }
      });
}

/// The adjoint of add_terms: hands the output's gradient to every term of a block.
template <class T, class O>
void spread_terms(Exec const& exec, Layout const& l, index_t line0, index_t lines, View<T, 4> dy, View<O, 2> terms)
{
  for_rows(
      "rossby::ops::embed_spread", exec, lines * l.groups, l.out[0], KOKKOS_LAMBDA(Row const& row) {
        index_t const line = line0 + row.number() / l.groups, g = row.number() % l.groups;
        index_t const b = line / l.rows, t = line % l.rows;
        O* to = &terms(row.number(), 0);
        for (int j = 0; j < l.branches; ++j) {
          index_t const out = l.out[j], taps = l.taps[j];
          for (index_t a = 0; a < taps; ++a) {
            index_t const i = t - l.shift[j] - a;
            for (index_t q = 0; q < taps; ++q, to += out) {
              index_t const m = g - l.shift[j] - q;
              if (i < 0 || i >= l.out_rows || m < 0 || m >= l.out_cols)
                row.fill(out, to, O(0.0f));
              else
                row.copy(out, to, &dy(b, i, m, l.channel0[j]));
            }
          }
        }
      });
}

template <class T> View<T, 2> rows_of(Array const& a, index_t rows)
{
  return a.reshaped({rows, a.size() / rows}).view<T, 2>();
}

template <class T> View<T, 2> channels_of(View<T, 2> cells, EmbedBranch const& b)
{
  return Kokkos::subview(cells, Kokkos::make_pair(index_t(0), static_cast<index_t>(cells.extent(0))),
                         Kokkos::make_pair(b.channel0, b.channel0 + b.out));
}

/// Room for one phase: its rows of O and the terms they make or meet, of Q, a block of lines at a time, and its matrix.
template <class O, class Q, class M> struct Room {
  Layout const& layout;
  index_t block = layout.block(sizeof(Q));
  Array compact = Array::empty(dtype_of<O>(), {block, layout.depth() * layout.groups});
  Array terms = Array::empty(dtype_of<Q>(), {block * layout.groups, layout.terms});
  Array matrix = Array::empty(dtype_of<M>(), {layout.terms, layout.depth()});

  /// Calls f(first line, lines, their input rows [lines * groups, depth], room for their terms) for the phase's blocks.
  template <class T, class F> void for_each_block(Exec const& exec, index_t phase, View<T, 4> x, F const& f) const
  {
    for (index_t line = 0; line < layout.lines(); line += block) {
      index_t const lines = std::min(block, layout.lines() - line);
      Array const rows = compact.rows(0, lines);
      collect_rows<T, O>(exec, layout, phase, line, x, rows.view<O, 2>());
      f(line, lines, rows_of<O>(rows, lines * layout.groups), terms.rows(0, lines * layout.groups).view<Q, 2>());
    }
  }
};

} // namespace

bool embed_suits(std::vector<ConvShape> const& shapes)
{
  if (shapes.size() > most_branches)
    return false;
  index_t widest = 0;
  for (auto const& s : shapes) {
    if (s.stride != shapes[0].stride || s.kernel % s.stride != 0 || s.offset % s.stride != 0)
      return false;
    widest = std::max(widest, s.kernel / s.stride);
  }
  return widest >= 4;
}

Box embed_cells(Array const& x, std::vector<EmbedBranch> const& branches)
{
  return embed_cells({0, x.extent(1), 0, x.extent(2)}, branches);
}

Box embed_cells(Box const& input, std::vector<EmbedBranch> const& branches)
{
  index_t const s = branches[0].shape.stride;
  Box const cells{(input.row0 + s - 1) / s, input.row1 / s, (input.col0 + s - 1) / s, input.col1 / s};
  return intersect(cells, cells); // of no stride at all: an empty box
}

void embed_biases(Exec const& exec, std::vector<EmbedBranch> const& branches, Out y)
{
  if (y.size() == 0)
    return;
  dispatch_wide(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    y.fill(exec, 0);
    auto const cells = rows_of<T>(y, y.size() / y.extent(3));
    for (auto const& b : branches)
      if (b.bias)
        spread_bias<T>(exec, b.bias.flat<T>(), channels_of<T>(cells, b));
  });
}

void embed_terms(Exec const& exec, Array const& x, std::vector<EmbedBranch> const& branches, Out y, Turn const& turn)
{
  if (y.size() == 0 || turn.cells.empty())
    return;
  Layout const l = layout_of(x, branches, y, turn.cells);
  dispatch_operands(x.dtype(), [&](auto tag, auto operand) {
    using T = typename decltype(tag)::type;
    using O = typename decltype(operand)::type;
    using W = wide_t<T>;
    Room<O, W, O> const room{l};
    auto const matrix = room.matrix.template view<O, 2>();
    for (index_t phase = 0; phase < l.stride; ++phase) {
      for (int j = 0; j < l.branches; ++j) {
        auto const& b = branches[static_cast<std::size_t>(j)];
        exchange_weights<T, O, true>(exec, l, j, phase, b.scale.sigma(), rows_of<W>(b.weight, b.out), matrix);
      }
      room.template for_each_block<T>(exec, phase, x.view<T, 4>(),
                                      [&](index_t line, index_t lines, View<O, 2> rows, View<W, 2> terms) {
                                        product<O>(exec, 'N', 'T', rows, matrix, 0, terms);
                                        add_terms<W>(exec, l, line, lines, terms, y.view<W, 4>());
                                        if (turn.meanwhile)
                                          turn.meanwhile();
                                      });
    }
  });
}

void embed_backward(Exec const& exec, Array const& x, std::vector<EmbedBranch> const& branches, Array const& dy)
{
  if (dy.size() == 0)
    return;
  Layout const l = layout_of(x, branches, dy, embed_cells(x, branches));
  dispatch_operands(x.dtype(), [&](auto tag, auto operand) {
    using T = typename decltype(tag)::type;
    using O = typename decltype(operand)::type;
    using W = wide_t<T>;
    Room<O, O, W> const room{l};
    auto const matrix = room.matrix.template view<W, 2>();
    for (index_t phase = 0; phase < l.stride; ++phase) {
      room.matrix.fill(exec, 0);
      room.template for_each_block<T>(exec, phase, x.view<T, 4>(),
                                      [&](index_t line, index_t lines, View<O, 2> rows, View<O, 2> terms) {
                                        spread_terms<T, O>(exec, l, line, lines, dy.view<T, 4>(), terms);
                                        product<O>(exec, 'T', 'N', terms, rows, 1, matrix);
                                      });
      for (int j = 0; j < l.branches; ++j) {
        auto const& b = branches[static_cast<std::size_t>(j)];
        if (b.dweight)
          exchange_weights<T, W, false>(exec, l, j, phase, nullptr, rows_of<W>(b.dweight, b.out), matrix);
      }
    }
    auto const cells = rows_of<T>(dy, dy.size() / dy.extent(3));
    for (auto const& b : branches)
      if (b.dbias)
        column_sums<T>(exec, channels_of<T>(cells, b), 1, b.dbias.flat<W>());
  });
}

} // namespace rossby::ops
