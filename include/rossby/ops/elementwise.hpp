#pragma once
/// \file
/// Element by element operations and their adjoints.

#include <rossby/core/array.hpp>
#include <rossby/core/random.hpp>

#include <cstdint>

namespace rossby::ops {

enum class Activation {
  gelu, ///< exact: x Phi(x), Phi by erf
  silu, ///< x / (1 + exp(-x))
  relu,
  sigmoid ///< 1 / (1 + exp(-x))
};

void activation_forward(Exec const&, Activation, Array const& x, Out y);
/// dx = dy f'(x).
void activation_backward(Exec const&, Activation, Array const& x, Array const& dy, Out dx);

/// c = a + b.
void add(Exec const&, Array const& a, Array const& b, Out c);
/// c[i, :] = a[i, :] + bias + b[i, :].
void add_with_bias(Exec const&, Array const& a, Array const& bias, Array const& b, Out c);
/// c[i, :] = a[i, :] + bias.
void add_bias(Exec const&, Array const& a, Array const& bias, Out c);
/// a += factor b.
void add_scaled(Exec const&, double factor, Array const& b, Out a);

/// to[i, to0 + c] = from[i, from0 + c] for c in [0, channels): one channel range of every cell.
void copy_channels(Exec const&, Array const& from, index_t from0, Out to, index_t to0, index_t channels);

/// Global numbers of local items (cells, windows), so that random numbers do not depend on the mesh: local item i of
/// local sample b has number (first_sample + b) * total + numbers[i].
struct GlobalNumbers {
  IndexList numbers{};
  index_t total = 0, first_sample = 0;
};

/// Where the random numbers of a dropout come from: one stream per (layer, step), one number per global element.
struct DropoutKey {
  std::uint64_t seed = 0, stream = 0;
};

/// The factors of dropout, 0 or 1/(1 - p). Row r of `width` entries draws four entries from each block of random bits,
/// at counters r * ceil(width / 4) onwards. A rank may hold only some entries of a row.
class KeepMask {
public:
  KeepMask(DropoutKey key, double p)
      : key_(key), threshold_(static_cast<std::uint32_t>(p * 4294967296.0)), keep_(1 / (1 - p))
  {
  }
  /// Calls f(entry, factor) for entries [begin, end) of one row.
  template <class F>
  KOKKOS_INLINE_FUNCTION void for_each_in_row(std::uint64_t row, index_t width, index_t begin, index_t end,
                                              F const& f) const
  {
    index_t const first = begin / 4 * 4;
    std::uint64_t counter = row * static_cast<std::uint64_t>((width + 3) / 4) + static_cast<std::uint64_t>(begin / 4);
    for (index_t c = first; c < end; c += 4, ++counter) {
      auto const bits = Philox::draws(key_.seed, key_.stream, counter);
      for (int k = 0; k < 4; ++k) // of constant length: devices keep the bits in registers
        if (c + k >= begin && c + k < end)
          f(c + k, bits.w[k] < threshold_ ? 0.0 : keep_);
    }
  }

  struct Pair {
    double first, second;
  };
  /// The factors of entries `entry`, which is even, and `entry` + 1 of a row.
  KOKKOS_INLINE_FUNCTION Pair pair(std::uint64_t row, index_t width, index_t entry) const
  {
    auto const bits =
        Philox::draws(key_.seed, key_.stream,
                      row * static_cast<std::uint64_t>((width + 3) / 4) + static_cast<std::uint64_t>(entry / 4));
    bool const later = entry % 4 != 0;
    std::uint32_t const first = later ? bits.w[2] : bits.w[0], second = later ? bits.w[3] : bits.w[1];
    return {first < threshold_ ? 0.0 : keep_, second < threshold_ ? 0.0 : keep_};
  }

private:
  DropoutKey key_;
  std::uint32_t threshold_;
  double keep_;
};

/// Channels [first, first + C) of `total`: those that a rank holds of a layer that a tensor group shares.
struct ChannelShare {
  index_t first = 0, total = 0;
};

/// y = x mask / (1 - p) for x [B, n, C]; a cell's row of the mask, over all channels, is its global number. Its own
/// adjoint.
void dropout(Exec const&, DropoutKey, double p, GlobalNumbers const& cells, ChannelShare, Array const& x, Out y);

} // namespace rossby::ops
