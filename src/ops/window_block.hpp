#pragma once
/// \file
/// Private to src/ops. Window attention on blocks, forward and backward, dot product and cosine.
///
/// A window of one head is a group of Keys / 16 warps, Keys being the least multiple it fits into; a block takes
/// several such windows where they are short. Each warp has 16 queries. It loads its rows of queries, keys and values
/// into shared memory, 16 bytes a thread; makes the scores of its queries with all keys in registers, as tiles of 16 by
/// 8 sums; softmax, bias, mask and dropout work on these registers, four threads to a row. Only then is the map put
/// into shared memory, in the type of the activations, as a factor of the next product. Nothing goes through global
/// memory but what is read and written once.
///
/// Both rules have scores S[p,q] = a[p] b[q] Q[p].K[q] + bias[p,q] + mask[p,q]: dot products have a = dim_head^-1/2,
/// b = 1; cosines a = scale/|Q|, b = 1/|K|. With G = a b dS the gradients are dQ = G K and dK = G^T Q, for cosines less
/// their parts along Q and K: dQ - Q (Q.dQ) / |Q|^2. The gradient of the logarithm of the scale is the sum of Q.dQ.
///
/// float32 is multiplied in float32, bfloat16 by tensor cores with float32 sums. Tokens that fill Keys up are zeros.

#include "window_tiles.hpp"

namespace rossby::ops {

/// The scores of a warp's queries, then their softmax.
template <class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION void softmax_of(B& b, Place<B, Shape> const& at, WindowTask<T> const& n, index_t head,
                                      Int<B> seam, Registers<Float<B>, 2> const& factor,
                                      typename B::template Shared<float> of_keys, Tile<B, Shape::keys / 8>& s)
{
  int const tokens = static_cast<int>(n.n.tokens);
  float const* const bias = n.bias + head * n.head_bias;
  unroll<Shape::keys / 8>([&](auto j) {
    Int<B> const q0 = at.column + 8 * j.value;
    auto const key = b.template get<2>(of_keys, at.slot * Shape::keys + q0);
    unroll<4>([&](auto c) {
      constexpr int half = decltype(c)::value / 2, side = decltype(c)::value % 2;
      Int<B> const p = at.own_row + 8 * half, q = q0 + side;
      Bool<B> const is_key = q < tokens;
      Float<B> score = s[j][c] * (factor.template of<half>() * key.template of<side>());
      score += b.template load<1>(bias, Index<B>(p * tokens + q), is_key && p < tokens).template of<0>();
      if (n.sides.seams.extent(0) > 0)
        score += b.apply(
            [sides = n.sides](int of, int a, int z) {
              return of != 0 && sides(of, a) != sides(of, z) ? static_cast<float>(masked) : 0.0f;
            },
            seam, p, q);
      s[j][c] = b.select(is_key, score, Float<B>(-1e30f));
    });
  });
  unroll<2>([&](auto half) {
    constexpr int c0 = 2 * decltype(half)::value;
    auto const greater = [](float x, float y) { return x < y ? y : x; };
    Float<B> largest(-1e30f), sum(0.0f);
    unroll<Shape::keys / 8>([&](auto j) {
      unroll<2>([&](auto c) { largest = b.apply(greater, largest, s[j].template of<c0 + decltype(c)::value>()); });
    });
    largest = b.apply(greater, largest, b.shuffle_xor(largest, 1));
    largest = b.apply(greater, largest, b.shuffle_xor(largest, 2));
    unroll<Shape::keys / 8>([&](auto j) {
      unroll<2>([&](auto c) {
        auto& x = s[j].template of<c0 + decltype(c)::value>();
        Float<B> const e = b.apply([](float y, float top) { return fast_exp(y - top); }, x, largest);
        x = b.select(at.column + (8 * j.value + c.value) < tokens, e, Float<B>(0.0f));
        sum += x;
      });
    });
    Float<B> const inverse = Float<B>(1.0f) / sum_of_row(b, sum);
    unroll<Shape::keys / 8>(
        [&](auto j) { unroll<2>([&](auto c) { s[j].template of<c0 + decltype(c)::value>() *= inverse; }); });
  });
}

/// The factors of dropout for columns `q` and `q` + 1 of row p.
template <class B, class T>
ROSSBY_BLOCK_FUNCTION Registers<Float<B>, 2> keep(B& b, WindowTask<T> const& n, Index<B> number, index_t head, Int<B> p,
                                                  Int<B> q)
{
  auto const factor = [drop = n.drop, tokens = n.n.tokens, head](index_t window, int of_query, int of_key) {
    index_t const row = (window * drop.all_heads + drop.first_head + head) * tokens + of_query;
    return drop.mask.pair(static_cast<std::uint64_t>(row), tokens, of_key);
  };
  auto const both = b.apply(factor, number, p, q);
  Registers<Float<B>, 2> result;
  result.template of<0>() = b.apply([](KeepMask::Pair x) { return static_cast<float>(x.first); }, both);
  result.template of<1>() = b.apply([](KeepMask::Pair x) { return static_cast<float>(x.second); }, both);
  return result;
}

/// What a window brings along: 0 where it is not here.
template <class B, class T>
ROSSBY_BLOCK_FUNCTION Int<B> seam_of(B& b, WindowTask<T> const& n, Index<B> window, Bool<B> here)
{
  return b.apply([sides = n.sides](index_t w, bool is) { return is ? static_cast<int>(sides.seam(w)) : 0; }, window,
                 here);
}
template <class B, class T>
ROSSBY_BLOCK_FUNCTION Index<B> number_of(B& b, WindowTask<T> const& n, Index<B> window, Bool<B> here)
{
  return b.apply([drop = n.drop](index_t w, bool is) { return is && drop.active ? drop.number(w) : index_t(0); },
                 window, here);
}

/// A head's scale, and with the rows' lengths the factor a of a thread's two rows.
template <class T> ROSSBY_BLOCK_FUNCTION float scale_of_head(WindowTask<T> const& n, index_t head)
{
  return n.logit ? scale_of(n.logit[head]) : n.scale;
}
template <class Shape, class B>
ROSSBY_BLOCK_FUNCTION Registers<Float<B>, 2> values_of_rows(B& b, Place<B, Shape> const& at,
                                                            typename B::template Shared<float> of)
{
  Registers<Float<B>, 2> result;
  Int<B> const row = at.first_row + at.lane / 4;
  unroll<2>([&](auto half) { result[half] = b.template get<1>(of, row + 8 * half.value).template of<0>(); });
  return result;
}

/// Block `number` takes the next Shape::windows windows of one head.
template <class Shape, class T, class B> ROSSBY_BLOCK_FUNCTION void window_forward(B& b, WindowTask<T> const& n)
{
  constexpr int keys = Shape::keys, tiles = keys / 8, rows = Shape::windows * keys;
  auto const q = b.template shared<T>(rows * Shape::row), k = b.template shared<T>(rows * Shape::row),
             v = b.template shared<T>(rows * Shape::row), map = b.template shared<T>(rows * Shape::map_row);
  auto const of_queries = b.template shared<float>(rows), of_keys = b.template shared<float>(rows);
  Place<B, Shape> const at(b);
  index_t const head = b.number() % n.n.heads, inner = n.n.inner();
  Index<B> const window = Index<B>(at.slot) + b.number() / n.n.heads * Shape::windows;
  Bool<B> const here = window < n.n.windows;
  Index<B> const start = window * (n.n.tokens * 3 * inner) + head * n.n.width;
  load_rows<Shape, B, T>(b, at, n.qkv, start, 3 * inner, q, n.n.tokens, here);
  load_rows<Shape, B, T>(b, at, n.qkv, start + inner, 3 * inner, k, n.n.tokens, here);
  load_rows<Shape, B, T>(b, at, n.qkv, start + 2 * inner, 3 * inner, v, n.n.tokens, here);
  b.sync();
  lengths<Shape, B, T>(b, at, n.logit != nullptr, q, k, of_queries, of_keys);
  b.sync();

  auto p = zeros<tiles, B>();
  Int<B> const first_key = at.slot * keys;
  product<false, true>(b, p, Factor<B, T>{q, at.first_row * Shape::row, Shape::row},
                       Factor<B, T>{k, first_key * Shape::row, Shape::row}, Shape::width);
  auto factor = values_of_rows(b, at, of_queries);
  float const scale = scale_of_head(n, head);
  unroll<2>([&](auto half) { factor[half] *= Float<B>(scale); });
  softmax_of<Shape>(b, at, n, head, seam_of(b, n, window, here), factor, of_keys, p);
  if (n.drop.active) {
    Index<B> const number = number_of(b, n, window, here);
    unroll<tiles>([&](auto j) {
      unroll<2>([&](auto half) {
        auto const f = keep<B>(b, n, number, head, at.own_row + 8 * half.value, at.column + 8 * j.value);
        p[j].template of<2 * decltype(half)::value>() *= f.template of<0>();
        p[j].template of<2 * decltype(half)::value + 1>() *= f.template of<1>();
      });
    });
  }
  put_tile<tiles, Shape, B, T>(b, at, p, map, Shape::map_row);
  b.sync_warp();

  auto o = zeros<Shape::width / 8, B>();
  product<false, false>(b, o, Factor<B, T>{map, at.first_row * Shape::map_row, Shape::map_row},
                        Factor<B, T>{v, first_key * Shape::row, Shape::row}, keys);
  // By way of the warp's own queries, which nobody reads any more.
  store_tile<Shape, B, T>(b, at, o, q, n.out, window * (n.n.tokens * inner) + head * n.n.width, inner, n.n.tokens,
                          here);
}

/// Takes the gradient of x/|x| back to x, for a warp's 16 rows: less its part along x, unless the length is the bound.
/// Returns the rows' products of x and the gradient.
template <class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION Registers<Float<B>, 2> across(B& b, Place<B, Shape> const& at, typename B::template Shared<T> x,
                                                    Registers<Float<B>, 2> const& inverse,
                                                    Tile<B, Shape::width / 8>& gradient)
{
  Registers<Float<B>, 2> along;
  unroll<2>([&](auto half) {
    constexpr int c = 2 * decltype(half)::value;
    Int<B> const place = (at.first_row + at.lane / 4 + 8 * half.value) * Shape::row + at.column;
    Float<B> sum(0.0f);
    unroll<Shape::width / 8>([&](auto j) {
      auto const pair = b.template get<2>(x, place + 8 * j.value);
      sum += Float<B>(pair.template of<0>()) * gradient[j].template of<c>() +
             Float<B>(pair.template of<1>()) * gradient[j].template of<c + 1>();
    });
    along[half] = sum_of_row(b, sum);
    Float<B> const part =
        b.apply([](float a, float i) { return i < 1 / static_cast<float>(least_length) ? -a * i * i : 0.0f; },
                along[half], inverse[half]);
    unroll<Shape::width / 8>([&](auto j) {
      auto const pair = b.template get<2>(x, place + 8 * j.value);
      gradient[j].template of<c>() += Float<B>(pair.template of<0>()) * part;
      gradient[j].template of<c + 1>() += Float<B>(pair.template of<1>()) * part;
    });
  });
  return along;
}

/// From the map `p` and its gradient `dp` to the factors of the products: puts dropout(P) and G into shared memory and
/// adds dS to the chunk's table.
template <class Shape, class B, class T>
ROSSBY_BLOCK_FUNCTION void scores_back(B& b, Place<B, Shape> const& at, WindowTask<T> const& n, index_t head,
                                       Index<B> window, Index<B> table, Bool<B> here,
                                       Registers<Float<B>, 2> const& factor, typename B::template Shared<float> of_keys,
                                       Tile<B, Shape::keys / 8>& p, Tile<B, Shape::keys / 8>& dp,
                                       typename B::template Shared<T> map, typename B::template Shared<T> slopes)
{
  constexpr int tiles = Shape::keys / 8;
  int const tokens = static_cast<int>(n.n.tokens);
  auto const number = number_of(b, n, window, here);
  unroll<2>([&](auto half) {
    constexpr int c = 2 * decltype(half)::value;
    Int<B> const row = at.own_row + 8 * half.value,
                 place = (at.first_row + at.lane / 4 + 8 * half.value) * Shape::map_row + at.column;
    using Value = typename B::template Lane<T>;
    Float<B> mean(0.0f);
    unroll<tiles>([&](auto j) {
      auto &left = p[j].template of<c>(), &right = p[j].template of<c + 1>();
      auto &dleft = dp[j].template of<c>(), &dright = dp[j].template of<c + 1>();
      Registers<Value, 2> seen; // by the values
      seen.template of<0>() = Value(left);
      seen.template of<1>() = Value(right);
      if (n.drop.active) {
        auto const f = keep<B>(b, n, number, head, row, at.column + 8 * j.value);
        seen.template of<0>() = Value(left * f.template of<0>());
        seen.template of<1>() = Value(right * f.template of<1>());
        dleft *= f.template of<0>();
        dright *= f.template of<1>();
      }
      b.template put<2>(map, place + 8 * j.value, seen);
      mean += left * dleft + right * dright;
    });
    mean = sum_of_row(b, mean);
    unroll<tiles>([&](auto j) {
      Int<B> const q = at.column + 8 * j.value;
      auto const key = b.template get<2>(of_keys, at.slot * Shape::keys + q);
      Registers<Value, 2> slope;
      unroll<2>([&](auto side) {
        constexpr int k = c + decltype(side)::value;
        Float<B> const ds = p[j].template of<k>() * (dp[j].template of<k>() - mean);
        slope[side] = Value(ds * (factor[half] * key[side]));
        Bool<B> const real = here && row < tokens && (q + side.value) < tokens;
        Index<B> const entry = table + Index<B>(row * tokens + (q + side.value));
        auto sum = b.template load<1>(static_cast<float const*>(n.dbias), entry, real);
        sum.template of<0>() += ds;
        b.template store<1>(n.dbias, entry, sum, real);
      });
      b.template put<2>(slopes, place + 8 * j.value, slope);
    });
  });
}

/// Block `number` takes Shape::windows chunks of one head, side by side, window after window.
template <class Shape, class T, class B> ROSSBY_BLOCK_FUNCTION void window_backward(B& b, WindowTask<T> const& n)
{
  constexpr int keys = Shape::keys, tiles = keys / 8, rows = Shape::windows * keys, width_tiles = Shape::width / 8;
  auto const q = b.template shared<T>(rows * Shape::row), k = b.template shared<T>(rows * Shape::row),
             v = b.template shared<T>(rows * Shape::row), up = b.template shared<T>(rows * Shape::row);
  auto const map = b.template shared<T>(rows * Shape::map_row), slopes = b.template shared<T>(rows * Shape::map_row);
  auto const of_queries = b.template shared<float>(rows), of_keys = b.template shared<float>(rows);
  Place<B, Shape> const at(b);
  bool const cosine = n.logit != nullptr;
  index_t const head = b.number() % n.n.heads, inner = n.n.inner(), tokens = n.n.tokens, stride = 3 * inner;
  Index<B> const chunk = Index<B>(at.slot) + b.number() / n.n.heads * Shape::windows;
  Index<B> const first = chunk * n.n.windows / n.chunks, end = (chunk + 1) * n.n.windows / n.chunks;
  index_t const longest = (n.n.windows + n.chunks - 1) / n.chunks;
  float const scale = scale_of_head(n, head);
  auto const rows_of = [&](auto data, bool all) { // of the window, or the warp's
    return Factor<B, T>{data, (all ? at.slot * keys : at.first_row) * Shape::row, Shape::row};
  };
  for (index_t step = 0; step < longest; ++step) {
    Index<B> const window = first + step;
    Bool<B> const here = chunk < n.chunks && window < end;
    Index<B> const start = window * (tokens * stride) + head * n.n.width;
    load_rows<Shape, B, T>(b, at, n.qkv, start, stride, q, tokens, here);
    load_rows<Shape, B, T>(b, at, n.qkv, start + inner, stride, k, tokens, here);
    load_rows<Shape, B, T>(b, at, n.qkv, start + 2 * inner, stride, v, tokens, here);
    load_rows<Shape, B, T>(b, at, n.dout, window * (tokens * inner) + head * n.n.width, inner, up, tokens, here);
    b.sync();
    lengths<Shape, B, T>(b, at, cosine, q, k, of_queries, of_keys);
    b.sync();

    auto p = zeros<tiles, B>(), dp = zeros<tiles, B>();
    product<false, true>(b, p, rows_of(q, false), rows_of(k, true), Shape::width);
    auto const of_own = values_of_rows(b, at, of_queries);
    auto factor = of_own;
    unroll<2>([&](auto half) { factor[half] *= Float<B>(scale); });
    softmax_of<Shape>(b, at, n, head, seam_of(b, n, window, here), factor, of_keys, p);
    product<false, true>(b, dp, rows_of(up, false), rows_of(v, true), Shape::width);
    scores_back<Shape>(b, at, n, head, window, (chunk * n.n.heads + head) * (tokens * tokens), here, factor, of_keys, p,
                       dp, map, slopes);
    b.sync_warp();

    auto dq = zeros<width_tiles, B>();
    product<false, false>(b, dq, Factor<B, T>{slopes, at.first_row * Shape::map_row, Shape::map_row}, rows_of(k, true),
                          keys);
    if (cosine) {
      auto const along = across<Shape, B, T>(b, at, q, of_own, dq);
      unroll<2>([&](auto half) { // the gradient of the scale, once a row
        Int<B> const row = at.own_row + 8 * half.value;
        Bool<B> const real = here && row < static_cast<int>(tokens) && at.column == 0;
        Index<B> const entry = (chunk * n.n.heads + head) * tokens + Index<B>(row);
        auto sum = b.template load<1>(static_cast<float const*>(n.dlogit), entry, real);
        sum.template of<0>() += along[half];
        b.template store<1>(n.dlogit, entry, sum, real);
      });
    }
    b.sync();

    // From here on a warp's 16 rows are keys. Values are no longer needed, keys only by their own warp.
    store_tile<Shape, B, T>(b, at, dq, v, n.dqkv, start, stride, tokens, here);
    auto dv = zeros<width_tiles, B>();
    product<true, false>(b, dv,
                         Factor<B, T>{map, at.slot * keys * Shape::map_row + at.thread / 32 * 16, Shape::map_row},
                         rows_of(up, true), keys);
    store_tile<Shape, B, T>(b, at, dv, v, n.dqkv, start + 2 * inner, stride, tokens, here);
    auto dk = zeros<width_tiles, B>();
    product<true, false>(b, dk,
                         Factor<B, T>{slopes, at.slot * keys * Shape::map_row + at.thread / 32 * 16, Shape::map_row},
                         rows_of(q, true), keys);
    if (cosine)
      across<Shape, B, T>(b, at, k, values_of_rows(b, at, of_keys), dk);
    b.sync_warp();
    store_tile<Shape, B, T>(b, at, dk, k, n.dqkv, start + inner, stride, tokens, here);
    b.sync();
  }
}

} // namespace rossby::ops
