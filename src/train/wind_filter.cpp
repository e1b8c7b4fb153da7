// CREDIT's filter of stripes near jets. A mask (the cells where one level's wind is strong, widened by a box and faded
// by a Gaussian) blends fields with their Gaussian-smoothed selves. All sums over neighbours go over cells beyond the
// tile that an index map brings, zero outside the grid: as in CREDIT nothing wraps at the date line. The smoothing is
// separable and symmetric, hence its own adjoint; the mask, a threshold, passes no gradient.
#include "postblock.hpp"

#include "dist/global_sum.hpp"
#include <rossby/dist/box_map.hpp>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {
/// Half of an odd number of cells on either side of a Gaussian's middle, for `spread` standard deviations.
index_t half_width(double sigma, double spread) { return (static_cast<index_t>(2 * sigma * spread + 1) | 1) / 2; }

/// exp(-(i / sigma)^2 / 2) for i = -half ... half, of sum one.
Array gaussian(double sigma, index_t half)
{
  std::vector<double> values;
  double sum = 0;
  for (index_t i = -half; i <= half; ++i) {
    values.push_back(std::exp(-0.5 * std::pow(static_cast<double>(i) / sigma, 2)));
    sum += values.back();
  }
  for (auto& v : values)
    v /= sum;
  return Array::from_host(Exec(), DType::float64, {2 * half + 1}, values);
}

/// A tile with `rows` and `columns` cells around it.
struct Border {
  BoxMap map;

  Border(PostblockPlace const& place, index_t rows, index_t columns)
  {
    Box box = place.tile();
    if (!box.empty())
      box = {box.row0 - rows, box.row1 + rows, box.col0 - columns, box.col1 + columns};
    index_t const height = place.tiling.height(), width = place.tiling.width();
    map = box_map(Exec(), place.ranks, place.tiling, box, [=](index_t row, index_t col) {
      bool const inside = row >= 0 && row < height && col >= 0 && col < width;
      return inside ? row * width + col : IndexMap::nothing;
    });
  }
  /// x: [S, cells, C] to [S, rows, columns, C].
  Array operator()(Exec const& exec, Array const& x) const
  {
    Array const y = Array::empty(x.dtype(), {x.extent(0), map.map.targets(), x.extent(2)});
    map.map.apply(exec, x, y);
    return y.reshaped({x.extent(0), map.cells[0], map.cells[1], x.extent(2)});
  }
};

/// y[s, r, c, k] = sum of w[i] x[s, r + i, c, k] (`along_rows`) or w[i] x[s, r, c + i, k].
template <class T>
void weigh_neighbours(Exec const& exec, View<T const, 4> x, View<double const, 1> w, bool along_rows, View<T, 4> y)
{
  index_t const rows = static_cast<index_t>(y.extent(1)), cols = static_cast<index_t>(y.extent(2)),
                channels = static_cast<index_t>(y.extent(3)), taps = static_cast<index_t>(w.extent(0));
  Kokkos::parallel_for(
      "rossby::train::weigh_neighbours", Range(exec, 0, static_cast<index_t>(y.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % channels, c = i / channels % cols, r = i / channels / cols % rows,
                      s = i / channels / cols / rows;
        double sum = 0;
        for (index_t t = 0; t < taps; ++t)
          sum += w(t) * static_cast<double>(along_rows ? x(s, r + t, c, k) : x(s, r, c + t, k));
        y(s, r, c, k) = static_cast<T>(sum);
      });
}

/// Both directions: x has the border that the weights need.
Array weigh_around(Exec const& exec, Array const& x, Array const& by_row, Array const& by_column)
{
  index_t const cols = x.extent(2) - by_column.size() + 1, rows = x.extent(1) - by_row.size() + 1;
  Array const between = Array::empty(x.dtype(), {x.extent(0), x.extent(1), cols, x.extent(3)});
  Array const y = Array::empty(x.dtype(), {x.extent(0), rows, cols, x.extent(3)});
  dispatch_wide(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    weigh_neighbours<T>(exec, x.view<T, 4>(), by_column.view<double, 1>(), false, between.view<T, 4>());
    weigh_neighbours<T>(exec, between.view<T, 4>(), by_row.view<double, 1>(), true, y.view<T, 4>());
  });
  return y;
}

template <class T>
void flag_strong(Exec const& exec, View<T const, 3> y, index_t u, index_t v, double threshold, View<double, 3> strong)
{
  index_t const cells = static_cast<index_t>(y.extent(1));
  Kokkos::parallel_for(
      "rossby::train::flag_strong", Range(exec, 0, static_cast<index_t>(y.extent(0)) * cells),
      KOKKOS_LAMBDA(index_t i) {
        index_t const s = i / cells, cell = i % cells;
        double const a = static_cast<double>(y(s, cell, u)), b = static_cast<double>(y(s, cell, v));
        strong(s, cell, 0) = math::sqrt(a * a + b * b) > threshold ? 1 : 0;
      });
}

/// wide[s, r, c] = 1 where any flag of the box around is set, at cells of the grid; 0 outside of it. `corner`: row and
/// column of the first cell on the grid.
void widen(Exec const& exec, View<double const, 4> flags, Box const corner, index_t height, index_t width,
           View<double, 4> wide)
{
  index_t const rows = static_cast<index_t>(wide.extent(1)), cols = static_cast<index_t>(wide.extent(2)),
                box_rows = static_cast<index_t>(flags.extent(1)) - rows + 1,
                box_cols = static_cast<index_t>(flags.extent(2)) - cols + 1;
  Kokkos::parallel_for(
      "rossby::train::widen", Range(exec, 0, static_cast<index_t>(wide.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const c = i % cols, r = i / cols % rows, s = i / cols / rows;
        index_t const row = corner.row0 + r, col = corner.col0 + c;
        bool any = false;
        if (row >= 0 && row < height && col >= 0 && col < width)
          for (index_t a = 0; a < box_rows && !any; ++a)
            for (index_t b = 0; b < box_cols && !any; ++b)
              any = flags(s, r + a, c + b, 0) > 0;
        wide(s, r, c, 0) = any ? 1 : 0;
      });
}

/// Copies of some channels of y, [S, cells, F].
template <class T>
void pick(Exec const& exec, View<T const, 3> y, decltype(IndexList().view()) channels, View<T, 3> picked)
{
  index_t const cells = static_cast<index_t>(y.extent(1)), n = static_cast<index_t>(picked.extent(2));
  Kokkos::parallel_for(
      "rossby::train::pick", Range(exec, 0, static_cast<index_t>(picked.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % n, cell = i / n % cells, s = i / n / cells;
        picked(s, cell, k) = y(s, cell, channels(k));
      });
}

template <class T> struct Blend {
  View<T const, 3> y, smooth;        ///< [S, cells, F]
  View<double const, 2> mask, alpha; ///< [S, cells], [S, F]
  decltype(IndexList().view()) channels;
};

/// result[channels] = mask alpha smooth + (1 - mask) y
template <class T> void blend(Exec const& exec, Blend<T> const b, View<T, 3> result)
{
  index_t const cells = static_cast<index_t>(b.y.extent(1)), n = static_cast<index_t>(b.y.extent(2));
  Kokkos::parallel_for(
      "rossby::train::blend", Range(exec, 0, static_cast<index_t>(b.y.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % n, cell = i / n % cells, s = i / n / cells;
        double const m = b.mask(s, cell);
        result(s, cell, b.channels(k)) = static_cast<T>(m * b.alpha(s, k) * static_cast<double>(b.smooth(s, cell, k)) +
                                                        (1 - m) * static_cast<double>(b.y(s, cell, k)));
      });
}

/// The terms of sum m y^2 and sum m smooth^2, [S, cells, 2 F].
template <class T> void amplitude_terms(Exec const& exec, Blend<T> const b, View<double, 3> terms)
{
  index_t const cells = static_cast<index_t>(b.y.extent(1)), n = static_cast<index_t>(b.y.extent(2));
  Kokkos::parallel_for(
      "rossby::train::amplitude_terms", Range(exec, 0, static_cast<index_t>(b.y.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % n, cell = i / n % cells, s = i / n / cells;
        double const y = static_cast<double>(b.y(s, cell, k)), smooth = static_cast<double>(b.smooth(s, cell, k));
        terms(s, cell, k) = b.mask(s, cell) * y * y;
        terms(s, cell, n + k) = b.mask(s, cell) * smooth * smooth;
      });
}

/// The terms of d/dalpha = sum m smooth g, [S, cells, F].
template <class T> void alpha_terms(Exec const& exec, Blend<T> const b, View<T const, 3> g, View<double, 3> terms)
{
  index_t const cells = static_cast<index_t>(b.y.extent(1)), n = static_cast<index_t>(b.y.extent(2));
  Kokkos::parallel_for(
      "rossby::train::alpha_terms", Range(exec, 0, static_cast<index_t>(b.y.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % n, cell = i / n % cells, s = i / n / cells;
        terms(s, cell, k) = b.mask(s, cell) * static_cast<double>(b.smooth(s, cell, k)) *
                            static_cast<double>(g(s, cell, b.channels(k)));
      });
}

/// d/dsmooth, and dy[channels] without what comes through it. dsums [S, 2, F]: of the sums of amplitude_terms.
template <class T>
void blend_backward(Exec const& exec, Blend<T> const b, View<T const, 3> g, View<double const, 3> dsums,
                    View<T, 3> dsmooth, View<T, 3> dy)
{
  index_t const cells = static_cast<index_t>(b.y.extent(1)), n = static_cast<index_t>(b.y.extent(2));
  Kokkos::parallel_for(
      "rossby::train::blend_backward", Range(exec, 0, static_cast<index_t>(b.y.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % n, cell = i / n % cells, s = i / n / cells, c = b.channels(k);
        double const m = b.mask(s, cell), d = static_cast<double>(g(s, cell, c));
        dsmooth(s, cell, k) =
            static_cast<T>(m * (b.alpha(s, k) * d + 2 * dsums(s, 1, k) * static_cast<double>(b.smooth(s, cell, k))));
        dy(s, cell, c) = static_cast<T>((1 - m) * d + 2 * m * dsums(s, 0, k) * static_cast<double>(b.y(s, cell, k)));
      });
}

template <class T>
void add_picked(Exec const& exec, View<T const, 3> picked, decltype(IndexList().view()) channels, View<T, 3> y)
{
  index_t const cells = static_cast<index_t>(y.extent(1)), n = static_cast<index_t>(picked.extent(2));
  Kokkos::parallel_for(
      "rossby::train::add_picked", Range(exec, 0, static_cast<index_t>(picked.size())), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % n, cell = i / n % cells, s = i / n / cells;
        y(s, cell, channels(k)) += picked(s, cell, k);
      });
}

class WindFilterAtWork final : public Postblock {
public:
  WindFilterAtWork(WindFilter block, PostblockPlace place)
      : block_(std::move(block)), place_(std::move(place)), channels_(Exec(), block_.channels),
        falloff_rows_(gaussian(block_.falloff, half_width(block_.falloff, 2))),
        falloff_columns_(gaussian(2 * block_.falloff, half_width(block_.falloff, 4))),
        rows_(gaussian(block_.sigma_rows, half_width(block_.sigma_rows, 3))),
        columns_(gaussian(block_.sigma_columns, half_width(block_.sigma_columns, 3))),
        mask_border_(place_, block_.dilation_rows / 2 + falloff_rows_.size() / 2,
                     block_.dilation_columns / 2 + falloff_columns_.size() / 2),
        border_(place_, rows_.size() / 2, columns_.size() / 2)
  {
  }

  Var apply(Context& context, Var const& y, Array const&) const override
  {
    Exec const& exec = context.exec;
    Array const picked = picked_of(exec, y.value()), smooth = smoothed(exec, picked), mask = mask_of(exec, y.value());
    Array const result = y.value().clone(exec);
    std::vector<double> sums;
    Array const alpha = alpha_of(exec, picked, smooth, mask, sums);
    dispatch_wide(result.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      blend<T>(
          exec,
          {picked.view<T, 3>(), smooth.view<T, 3>(), mask.view<double, 2>(), alpha.view<double, 2>(), channels_.view()},
          result.view<T, 3>());
    });
    bool const recording = context.recording(y);
    Var const out(result, recording);
    if (recording)
      context.tape->record(
          "wind filter", out,
          [this, y, out, picked, smooth, mask, alpha, sums](Exec const& on) {
            y.accumulate(on, backward(on, out.grad(), picked, smooth, mask, alpha, sums));
          },
          picked.bytes() + smooth.bytes() + mask.bytes());
    return out;
  }

private:
  static constexpr double floor_ = 1e-12, most_ = 4; ///< of CREDIT: under the divisor, and of the amplification

  Array picked_of(Exec const& exec, Array const& y) const
  {
    Array const picked = Array::empty(y.dtype(), {y.extent(0), y.extent(1), channels_.size()});
    dispatch_wide(y.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      pick<T>(exec, y.view<T, 3>(), channels_.view(), picked.view<T, 3>());
    });
    return picked;
  }
  Array smoothed(Exec const& exec, Array const& picked) const
  {
    if (place_.tile().empty())
      return (void)border_(exec, picked), picked;
    return weigh_around(exec, border_(exec, picked), rows_, columns_).reshaped(picked.shape());
  }
  /// [S, cells]
  Array mask_of(Exec const& exec, Array const& y) const
  {
    Box const tile = place_.tile();
    index_t const samples = y.extent(0), fade_rows = falloff_rows_.size() / 2, fade_cols = falloff_columns_.size() / 2;
    Array const strong = Array::empty(DType::float64, {samples, y.extent(1), 1});
    dispatch_wide(y.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      flag_strong<T>(exec, y.view<T, 3>(), block_.u, block_.v, block_.threshold, strong.view<double, 3>());
    });
    Array const flags = mask_border_(exec, strong);
    if (tile.empty())
      return strong.reshaped({samples, 0});
    Array const wide =
        Array::empty(DType::float64, {samples, tile.rows() + 2 * fade_rows, tile.cols() + 2 * fade_cols, 1});
    widen(exec, flags.view<double, 4>(), Box{tile.row0 - fade_rows, 0, tile.col0 - fade_cols, 0},
          place_.tiling.height(), place_.tiling.width(), wide.view<double, 4>());
    return weigh_around(exec, wide, falloff_rows_, falloff_columns_).reshaped({samples, tile.cells()});
  }

  /// By sample and channel what keeps the amplitude, [S, F], and the sums that it is made of.
  Array alpha_of(Exec const& exec, Array const& picked, Array const& smooth, Array const& mask,
                 std::vector<double>& sums) const
  {
    index_t const samples = picked.extent(0), n = picked.extent(2);
    std::vector<double> alpha(static_cast<std::size_t>(samples * n), 1.0);
    if (block_.preserve_amplitude) {
      Array const terms = Array::empty(DType::float64, {samples, picked.extent(1), 2 * n});
      dispatch_wide(picked.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        amplitude_terms<T>(exec, {picked.view<T, 3>(), smooth.view<T, 3>(), mask.view<double, 2>(), {}, {}},
                           terms.view<double, 3>());
      });
      sums = global_sum(exec, place_.ranks, terms);
      for (std::size_t i = 0; i < alpha.size(); ++i)
        alpha[i] = std::min(most_, std::sqrt(of_field(sums, i) / (of_smooth(sums, i) + floor_)));
    }
    return Array::from_host(exec, DType::float64, {samples, n}, alpha);
  }
  /// Of sums [S, 2, F], those of sample and channel i.
  double of_field(std::vector<double> const& sums, std::size_t i) const { return sums[i + i / width() * width()]; }
  double of_smooth(std::vector<double> const& sums, std::size_t i) const
  {
    return sums[i + (i / width() + 1) * width()];
  }
  std::size_t width() const { return block_.channels.size(); }

  Array backward(Exec const& exec, Array const& g, Array const& picked, Array const& smooth, Array const& mask,
                 Array const& alpha, std::vector<double> const& sums) const
  {
    Array const dy = g.clone(exec), dsmooth = Array::empty(g.dtype(), picked.shape());
    Array const terms = Array::empty(DType::float64, picked.shape());
    dispatch_wide(g.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      Blend<T> const b{picked.view<T, 3>(), smooth.view<T, 3>(), mask.view<double, 2>(), alpha.view<double, 2>(),
                       channels_.view()};
      std::vector<double> dsums(2 * static_cast<std::size_t>(alpha.size()), 0.0);
      if (block_.preserve_amplitude) {
        alpha_terms<T>(exec, b, g.view<T, 3>(), terms.view<double, 3>());
        auto const dalpha = global_sum(exec, place_.ranks, terms);
        for (std::size_t i = 0; i < dalpha.size(); ++i) {
          double const below = of_smooth(sums, i) + floor_, free = std::sqrt(of_field(sums, i) / below);
          if (free > most_ || free == 0)
            continue;
          dsums[i + i / width() * width()] = dalpha[i] / (2 * free * below);
          dsums[i + (i / width() + 1) * width()] = -dalpha[i] * free / (2 * below);
        }
      }
      Array const d = Array::from_host(exec, DType::float64, {alpha.extent(0), 2, alpha.extent(1)}, dsums);
      blend_backward<T>(exec, b, g.view<T, 3>(), d.view<double, 3>(), dsmooth.view<T, 3>(), dy.view<T, 3>());
      Array const through = smoothed(exec, dsmooth);
      add_picked<T>(exec, through.view<T, 3>(), channels_.view(), dy.view<T, 3>());
    });
    return dy;
  }

  WindFilter block_;
  PostblockPlace place_;
  IndexList channels_;
  Array falloff_rows_, falloff_columns_, rows_, columns_; ///< weights, float64
  Border mask_border_, border_;
};
} // namespace

std::unique_ptr<Postblock> make_wind_filter(WindFilter const& block, PostblockPlace const& place)
{
  return std::make_unique<WindFilterAtWork>(block, place);
}

} // namespace rossby
