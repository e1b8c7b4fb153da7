#pragma once
/// \file
/// Private to src/ops. What window attention on blocks (window_block.hpp) works with: its task, the shape of a block,
/// tiles of sums in registers, their products, and rows on their way between global and shared memory.

#include "attention_parts.hpp"
#include "block.hpp"

#include <type_traits>

namespace rossby::ops {

template <class T> struct WindowTask {
  Sizes n;
  Drop drop;
  T const* qkv;
  float const* bias;
  index_t head_bias;            ///< distance from a head's table of biases to the next head's
  float scale;                  ///< of dot products
  float const* logit = nullptr; ///< of cosines; none: dot products
  Sides sides{};
  T* out = nullptr;   ///< forward
  index_t chunks = 0; ///< backward: of windows, each with a table of its own for each head
  T const* dout = nullptr;
  T* dqkv = nullptr;
  float *dbias = nullptr, *dlogit = nullptr;
};

/// Compile-time shape of a block.
template <class T, int Keys, int Width> struct WindowShape {
  static constexpr int keys = Keys, width = Width;
  static constexpr int windows = Keys < 64 ? 64 / Keys : 1;
  static constexpr int threads = windows * Keys * 2;
  static constexpr int word = 16 / static_cast<int>(sizeof(T)); ///< elements in 16 bytes
  /// Rows in shared memory are an odd number of 16 bytes apart, so that eight of them lie on different banks.
  static constexpr int row = Width + word, map_row = Keys + word;
  static constexpr int rows_bytes = windows * Keys * row * static_cast<int>(sizeof(T));
  static constexpr int map_bytes = windows * Keys * map_row * static_cast<int>(sizeof(T));
  static constexpr int lengths_bytes = windows * Keys * 4;
  static constexpr int forward_bytes = 3 * rows_bytes + map_bytes + 2 * lengths_bytes;
  static constexpr int backward_bytes = 4 * rows_bytes + 2 * map_bytes + 2 * lengths_bytes;
};

template <class B> using Float = typename B::template Lane<float>;
template <class B> using Int = typename B::template Lane<int>;
template <class B> using Index = typename B::template Lane<index_t>;
template <class B> using Bool = typename B::template Lane<bool>;
/// 16 rows by 8 N columns of sums (see block.hpp).
template <class B, int N> using Tile = Registers<Registers<Float<B>, 4>, N>;

template <int N, class B> ROSSBY_BLOCK_FUNCTION Tile<B, N> zeros()
{
  Tile<B, N> x;
  unroll<N>([&](auto j) { unroll<4>([&](auto c) { x[j][c] = Float<B>(0.0f); }); });
  return x;
}

/// A factor of a product: a matrix in shared memory, which begins at element `start`.
template <class B, class T> struct Factor {
  typename B::template Shared<T> data;
  Int<B> start;
  int row;
};

/// Where a thread works.
template <class B, class Shape> struct Place {
  Int<B> lane, slot, own_row, column; ///< own_row: of the window, of the thread's upper two sums
  Int<B> first_row;                   ///< of the block's rows: the warp's 16
  Int<B> thread;                      ///< of those that share a window

  ROSSBY_BLOCK_FUNCTION explicit Place(B& b)
  {
    Int<B> const t = b.thread();
    lane = t % 32;
    slot = t / (2 * Shape::keys);
    thread = t % (2 * Shape::keys);
    own_row = thread / 32 * 16 + lane / 4;
    column = lane % 4 * 2;
    first_row = slot * Shape::keys + thread / 32 * 16;
  }
};

/// sum += X Y for a warp's 16 rows: X [16, depth], Y [depth, 8 N]; a turned factor is stored as its transpose.
/// \{
template <bool TurnedX, bool TurnedY, int N, class B>
ROSSBY_BLOCK_FUNCTION void product(B& b, Tile<B, N>& sum, Factor<B, float> x, Factor<B, float> y, int depth)
{
  Int<B> const lane = b.thread() % 32, row = lane / 4, column = lane % 4 * 2;
  ROSSBY_BLOCK_LOOP
  for (int k = 0; k < depth; k += 4) {
    Registers<Float<B>, 4> upper, lower;
    if constexpr (TurnedX)
      unroll<4>([&](auto i) {
        upper[i] = b.template get<1>(x.data, x.start + (k + i.value) * x.row + row).template of<0>();
        lower[i] = b.template get<1>(x.data, x.start + (k + i.value) * x.row + row + 8).template of<0>();
      });
    else {
      upper = b.template get<4>(x.data, x.start + row * x.row + k);
      lower = b.template get<4>(x.data, x.start + (row + 8) * x.row + k);
    }
    unroll<N>([&](auto j) {
      auto& s = sum[j];
      auto const add = [&](auto i, Float<B> const& left, Float<B> const& right) {
        s.template of<0>() += upper[i] * left;
        s.template of<1>() += upper[i] * right;
        s.template of<2>() += lower[i] * left;
        s.template of<3>() += lower[i] * right;
      };
      if constexpr (TurnedY) {
        auto const left = b.template get<4>(y.data, y.start + (column + 8 * j.value) * y.row + k);
        auto const right = b.template get<4>(y.data, y.start + (column + 8 * j.value + 1) * y.row + k);
        unroll<4>([&](auto i) { add(i, left[i], right[i]); });
      } else
        unroll<4>([&](auto i) {
          auto const pair = b.template get<2>(y.data, y.start + (k + i.value) * y.row + column + 8 * j.value);
          add(i, pair.template of<0>(), pair.template of<1>());
        });
    });
  }
}

template <bool TurnedX, bool TurnedY, int N, class B>
ROSSBY_BLOCK_FUNCTION void product(B& b, Tile<B, N>& sum, Factor<B, bfloat16> x, Factor<B, bfloat16> y, int depth)
{
  // Which row of which block of 8 by 8 a thread names (block.hpp).
  Int<B> const lane = b.thread() % 32, i = lane % 8, odd = lane / 8 % 2 * 8, later = lane / 16 * 8;
  ROSSBY_BLOCK_LOOP
  for (int k = 0; k < depth; k += 16) {
    Int<B> const place = x.start + (TurnedX ? (later + i + k) * x.row + odd : (odd + i) * x.row + later + k);
    auto const left = b.template matrices<4, TurnedX>(x.data, place);
    unroll<N>([&](auto j) {
      constexpr int n = 8 * decltype(j)::value;
      auto const right = b.template matrices<2, !TurnedY>(
          y.data, y.start + (TurnedY ? (i + n) * y.row + odd + k : (odd + i + k) * y.row + n));
      b.mma(sum[j], left, right);
    });
  }
}
/// \}

/// The sum over the four threads that share a row.
template <class B> ROSSBY_BLOCK_FUNCTION Float<B> sum_of_row(B& b, Float<B> x)
{
  x = x + b.shuffle_xor(x, 1);
  return x + b.shuffle_xor(x, 2);
}

/// A window's rows of one head from global memory, `stride` apart; zeros beyond its tokens and where it is not `here`.
template <class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION void load_rows(B& b, Place<B, Shape> const& at, T const* from, Index<B> start, index_t stride,
                                     typename B::template Shared<T> to, index_t tokens, Bool<B> here)
{
  constexpr int words = Shape::width / Shape::word; // in a row
  for (int k = 0; k < words / 2; ++k) {
    Int<B> const i = at.thread + k * 2 * Shape::keys, token = i / words, part = i % words * Shape::word;
    Bool<B> const wanted = here && token < static_cast<int>(tokens);
    b.template put<Shape::word>(
        to, (at.slot * Shape::keys + token) * Shape::row + part,
        b.template load<Shape::word>(from, start + Index<B>(token) * stride + Index<B>(part), wanted));
  }
}

/// A warp's tile as T into its 16 rows of shared memory.
template <int N, class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION void put_tile(B& b, Place<B, Shape> const& at, Tile<B, N> const& x,
                                    typename B::template Shared<T> to, int row)
{
  using Value = typename B::template Lane<T>;
  Int<B> const upper = (at.first_row + at.lane / 4) * row + at.column;
  unroll<N>([&](auto j) {
    unroll<2>([&](auto half) {
      Registers<Value, 2> pair;
      pair.template of<0>() = Value(x[j].template of<2 * decltype(half)::value>());
      pair.template of<1>() = Value(x[j].template of<2 * decltype(half)::value + 1>());
      b.template put<2>(to, upper + (8 * j.value + 8 * row * half.value), pair);
    });
  });
}

/// The same by way of shared memory into global rows, 16 bytes a thread.
template <class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION void store_tile(B& b, Place<B, Shape> const& at, Tile<B, Shape::width / 8> const& x,
                                      typename B::template Shared<T> through, T* to, Index<B> start, index_t stride,
                                      index_t tokens, Bool<B> here)
{
  put_tile<Shape::width / 8, Shape, B, T>(b, at, x, through, Shape::row);
  b.sync_warp();
  constexpr int words = Shape::width / Shape::word;
  for (int k = 0; k < words / 2; ++k) {
    Int<B> const i = at.lane + 32 * k, row = i / words, part = i % words * Shape::word;
    Int<B> const token = at.thread / 32 * 16 + row;
    auto const word = b.template get<Shape::word>(through, (at.first_row + row) * Shape::row + part);
    b.template store<Shape::word>(to, start + Index<B>(token) * stride + Index<B>(part), word,
                                  here && token < static_cast<int>(tokens));
  }
  b.sync_warp();
}

/// a and b of the scores, one a row (see above), from rows in shared memory; for cosines 1/|Q| and 1/|K|.
template <class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION void lengths(B& b, Place<B, Shape> const& at, bool cosine, typename B::template Shared<T> queries,
                                   typename B::template Shared<T> keys, typename B::template Shared<float> of_queries,
                                   typename B::template Shared<float> of_keys)
{
  // One thread a row: the first half of them takes the queries.
  Int<B> const row = at.slot * Shape::keys + at.thread % Shape::keys;
  Bool<B> const is_query = at.thread < Shape::keys;
  auto const one = [&](auto rows, auto to, Bool<B> mine) {
    Registers<Float<B>, 1> result;
    result.template of<0>() = Float<B>(1.0f);
    if (cosine) {
      Float<B> squares(0.0f);
      for (int k = 0; k < Shape::width; k += Shape::word) {
        auto const x = b.template get<Shape::word>(rows, row * Shape::row + k);
        unroll<Shape::word>([&](auto e) { squares += Float<B>(x[e]) * Float<B>(x[e]); });
      }
      result.template of<0>() =
          b.apply([](float s) { return 1.0f / math::max(math::sqrt(s), static_cast<float>(least_length)); }, squares);
    }
    b.template put<1>(to, row, result, mine);
  };
  one(queries, of_queries, is_query);
  one(keys, of_keys, !is_query);
}

} // namespace rossby::ops
