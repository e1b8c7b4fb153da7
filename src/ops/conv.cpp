// A convolution is a matrix product with the patches of its input. Patches are gathered for a block of output rows at
// a time, small enough to stay in cache; channels-last makes each patch row one contiguous run of kernel * channels
// values. Backward gathers the same patches again rather than keep them.

#include <rossby/ops/conv.hpp>

#include <rossby/ops/gemm.hpp>

namespace rossby::ops {

namespace {

constexpr index_t block_bytes = host_accessible ? index_t(1) << 20 : index_t(1) << 28;

struct Geometry {
  index_t batch, height, width, in, out_height, out_width, kernel, stride, offset;
  index_t patch() const { return kernel * kernel * in; }
  index_t lines() const { return batch * out_height; } ///< output rows of all samples
  /// Output rows whose patches fit in a block.
  index_t block(std::size_t element) const
  {
    index_t const per_line = out_width * patch() * static_cast<index_t>(element);
    return math::min(lines(), math::max(index_t(1), block_bytes / math::max(index_t(1), per_line)));
  }
};

Geometry geometry_of(ConvShape const& shape, Array const& x, Array const& y)
{
  Geometry const g{x.extent(0), x.extent(1),  x.extent(2),  x.extent(3), y.extent(1),
                   y.extent(2), shape.kernel, shape.stride, shape.offset};
  ROSSBY_EXPECT(y.extent(0) == g.batch);
  ROSSBY_EXPECT(g.offset + (g.out_height - 1) * g.stride + g.kernel <= g.height &&
                g.offset + (g.out_width - 1) * g.stride + g.kernel <= g.width);
  return g;
}

template <class T>
void gather_patches(Exec const& exec, Geometry const& g, View<T, 4> x, index_t line0, index_t lines, View<T, 2> patches)
{
  index_t const run = g.kernel * g.in;
  Kokkos::parallel_for(
      "rossby::ops::conv_patches", Range(exec, 0, lines * g.out_width), KOKKOS_LAMBDA(index_t cell) {
        index_t const j = cell % g.out_width, line = line0 + cell / g.out_width;
        index_t const b = line / g.out_height, i = line % g.out_height;
        for (index_t p = 0; p < g.kernel; ++p) {
          T const* from = &x(b, g.offset + i * g.stride + p, g.offset + j * g.stride, 0);
          T* to = &patches(cell, p * run);
          for (index_t k = 0; k < run; ++k)
            to[k] = from[k];
        }
      });
}

/// Adds the gradients of patches back onto the cells they came from; each input cell is one work item: no atomics.
template <class T>
void scatter_patches(Exec const& exec, Geometry const& g, View<T, 2> patches, index_t line0, index_t lines,
                     View<T, 4> dx)
{
  // Input rows that the output rows [line0, line0 + lines) reach, counted through the rows of all samples.
  index_t const b0 = line0 / g.out_height, b1 = (line0 + lines - 1) / g.out_height;
  index_t const first = b0 * g.height + g.offset + (line0 % g.out_height) * g.stride;
  index_t const last = b1 * g.height + g.offset + ((line0 + lines - 1) % g.out_height) * g.stride + g.kernel - 1;
  Kokkos::parallel_for(
      "rossby::ops::conv_patches_adjoint", Range(exec, 0, (last - first + 1) * g.width), KOKKOS_LAMBDA(index_t item) {
        index_t const row = first + item / g.width, b = row / g.height;
        index_t const r = row % g.height - g.offset, s = item % g.width - g.offset;
        if (r < 0 || s < 0)
          return;
        T* to = &dx(b, r + g.offset, s + g.offset, 0);
        for (index_t p = r % g.stride; p < g.kernel && p <= r; p += g.stride) {
          index_t const i = (r - p) / g.stride, line = b * g.out_height + i - line0;
          if (i >= g.out_height || line < 0 || line >= lines)
            continue;
          for (index_t q = s % g.stride; q < g.kernel && q <= s; q += g.stride) {
            index_t const j = (s - q) / g.stride;
            if (j >= g.out_width)
              continue;
            T const* from = &patches(line * g.out_width + j, (p * g.kernel + q) * g.in);
            for (index_t c = 0; c < g.in; ++c)
              to[c] += from[c];
          }
        }
      });
}

template <class T> View<T, 2> block_of(Array const& y, index_t row0, index_t rows, index_t channel0, index_t channels)
{
  index_t const total = y.extent(3);
  auto const matrix = y.reshaped({y.size() / total, total}).view<T, 2>();
  return Kokkos::subview(matrix, Kokkos::make_pair(row0, row0 + rows),
                         Kokkos::make_pair(channel0, channel0 + channels));
}

/// Goes through the output rows block by block: f(first row, rows, room for their patches, their `channels` channels of
/// y from `channel0` on).
template <class T, class F>
void for_each_block(Geometry const& g, Array const& y, index_t channel0, index_t channels, F const& f)
{
  index_t const block = g.block(sizeof(T));
  Array const patches = Array::empty(y.dtype(), {block * g.out_width, g.patch()});
  for (index_t line = 0; line < g.lines(); line += block) {
    index_t const lines = math::min(block, g.lines() - line), cells = lines * g.out_width;
    f(line, lines, patches.rows(0, cells).view<T, 2>(), block_of<T>(y, line * g.out_width, cells, channel0, channels));
  }
}

} // namespace

void conv_forward(Exec const& exec, ConvShape shape, Array const& x, Array const& w, double scale, Array const& bias,
                  Array const& y, index_t channel0)
{
  if (y.size() == 0)
    return;
  Geometry const g = geometry_of(shape, x, y);
  index_t const out = w.extent(0);
  ROSSBY_EXPECT(w.size() == out * g.patch());
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const weight = w.reshaped({out, g.patch()}).view<T, 2>();
    for_each_block<T>(g, y, channel0, out, [&](index_t line, index_t lines, View<T, 2> patches, View<T, 2> target) {
      gather_patches<T>(exec, g, x.view<T, 4>(), line, lines, patches);
      if (bias)
        spread_bias<T>(exec, bias.flat<T>(), target);
      gemm<T>(exec, 'N', 'T', scale, patches, weight, bias ? 1 : 0, target);
    });
  });
}

void conv_backward(Exec const& exec, ConvShape shape, Array const& x, Array const& w, double scale, Array const& dy,
                   index_t channel0, Array const& dx, Array const& dw, Array const& dbias)
{
  if (dy.size() == 0)
    return;
  Geometry const g = geometry_of(shape, x, dy);
  index_t const out = w.extent(0);
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const weight = w.reshaped({out, g.patch()}).view<T, 2>();
    for_each_block<T>(g, dy, channel0, out, [&](index_t line, index_t lines, View<T, 2> patches, View<T, 2> gradient) {
      if (dw) {
        gather_patches<T>(exec, g, x.view<T, 4>(), line, lines, patches);
        gemm<T>(exec, 'T', 'N', 1, gradient, patches, 1, dw.reshaped({out, g.patch()}).view<T, 2>());
      }
      if (dx) {
        gemm<T>(exec, 'N', 'N', scale, gradient, weight, 0, patches);
        scatter_patches<T>(exec, g, patches, line, lines, dx.view<T, 4>());
      }
    });
    if (dbias)
      column_sums<T>(exec, block_of<T>(dy, 0, g.lines() * g.out_width, channel0, out), 1, dbias.flat<T>());
  });
}

} // namespace rossby::ops
