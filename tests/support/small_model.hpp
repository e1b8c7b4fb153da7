#pragma once
/// \file
/// Models small enough for tests, on grids that put every rule for uneven cuts to work, and fields on their tiles.

#include <rossby/core/array.hpp>
#include <rossby/core/random.hpp>
#include <rossby/dist/tiling.hpp>
#include <rossby/models/wxformer/config.hpp>

#include <algorithm>
#include <utility>

namespace rossby::test {

/// Padded over poles and date line to 97 x 96 cells: six by six coarse cells, and one row beyond the last of them.
inline WXFormerConfig small_model(WXFormerConfig::Type type = WXFormerConfig::Type::wxformer)
{
  WXFormerConfig m;
  m.kind = type;
  m.fields.height = 45;
  m.fields.width = 90;
  m.fields.frames = 1;
  m.fields.channels = 2;
  m.fields.levels = 2;
  m.fields.surface_channels = 1;
  m.fields.input_only_channels = 1;
  m.fields.output_only_channels = 1;
  m.dim = {8, 16, 32, 64};
  m.depth = {1, 1, 1, 1};
  m.dim_head = 8;
  m.strides = {2, 2, 2, 2};
  m.global_window = {4, 4, 2, 1};
  m.local_window = {3, 3, 3, 3};
  m.ff_dropout = 0.1;
  m.attn_dropout = 0.1;
  m.padding = {true, SpherePadding::Mode::earth, 26, 26, 3, 3};
  return m;
}

/// A small model of random geometry: grid, padding, windows, kernels, depths, decoder. Depends on `draw` alone.
inline WXFormerConfig random_model(std::uint64_t draw)
{
  std::uint64_t counter = 0;
  auto const pick = [&](int low, int high) { // both included
    return low + static_cast<int>(Philox::uniform(11, draw, counter++) * (high - low + 1));
  };
  auto const divisor = [&](int n, int most) {
    std::vector<int> all;
    for (int d = 1; d <= std::min(n, most); ++d)
      if (n % d == 0)
        all.push_back(d);
    return all[static_cast<std::size_t>(pick(0, static_cast<int>(all.size()) - 1))];
  };
  auto m = small_model(pick(0, 1) ? WXFormerConfig::Type::wxformer : WXFormerConfig::Type::crossformer);
  m.upsample_v_conv = m.kind == WXFormerConfig::Type::crossformer && pick(0, 1);
  m.spectral_norm = pick(0, 1);
  m.padding.mode = pick(0, 1) ? SpherePadding::Mode::earth : SpherePadding::Mode::mirror;
  int const coarse_rows = pick(3, 7), coarse_cols = pick(3, 7);
  auto const gcd = [](int a, int b) {
    while (b)
      std::swap(a %= b, b);
    return a;
  };
  for (std::size_t s = 0; s < 4; ++s) {
    m.local_window[s] = divisor(gcd(coarse_rows, coarse_cols), 4);
    m.global_window[s] = divisor(gcd(coarse_rows, coarse_cols) << (3 - s), 5);
    m.depth[s] = pick(0, 4) == 0 ? 2 : 1;
  }
  if (pick(0, 1))
    m.kernels[0] = {2, 4, 8};
  // One row or column beyond the last coarse cell, padding on one side only, a seam that is not in the middle.
  int const rows = 16 * coarse_rows + pick(0, 1), cols = 16 * coarse_cols + pick(0, 1);
  m.padding.top = pick(0, 14);
  m.padding.bottom = pick(0, 14);
  m.padding.left = pick(0, 14);
  m.padding.right = pick(0, 14);
  m.fields.height = rows - m.padding.top - m.padding.bottom;
  m.fields.width = cols - m.padding.left - m.padding.right;
  return m;
}

/// A rank's tile of a global random field: each value is drawn at its global position, so that any cut of the field
/// into tiles holds the same numbers. Shape [batch, rows, columns, channels].
inline Array tile_of_field(DType dtype, Tiling const& tiling, int rank, index_t batch, index_t channels,
                           std::uint64_t stream)
{
  Box const b = tiling.box(rank);
  std::vector<double> values;
  for (index_t s = 0; s < batch; ++s)
    for (index_t r = b.row0; r < b.row1; ++r)
      for (index_t c = b.col0; c < b.col1; ++c)
        for (index_t k = 0; k < channels; ++k)
          values.push_back(Philox::normal(
              7, stream, static_cast<std::uint64_t>(((s * tiling.height() + r) * tiling.width() + c) * channels + k)));
  return Array::from_host(Exec(), dtype, {batch, b.rows(), b.cols(), channels}, values);
}

} // namespace rossby::test
