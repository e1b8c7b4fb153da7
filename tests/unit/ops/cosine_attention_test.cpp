#include "dropout_reference.hpp"

#include <rossby/ops/cosine_attention.hpp>
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;
using ops::CosineAttention;

/// Windows 4, 0 and 2 of the five of each sample, the second and third at the edges; the first sample here is the
/// fourth of the batch, and the heads are the last of one more.
CosineAttention make_attention(index_t rows, index_t columns, index_t heads, index_t width, bool shifted,
                               double dropout = 0)
{
  CosineAttention a{rows, columns, heads, width};
  if (shifted) {
    a.shift_rows = rows / 2;
    a.shift_columns = columns / 2;
    a.seams = IndexList(Exec(), {0, 2, 3});
  }
  a.dropout = dropout;
  a.key = {7, 11};
  a.windows = {IndexList(Exec(), {4, 0, 2}), 5, 3};
  a.first_head = 1;
  a.all_heads = heads + 1;
  return a;
}

Values reference(CosineAttention const& a, Array const& qkv, Array const& logit, Array const& bias)
{
  auto const x = qkv.to_host(Exec()), table = bias.to_host(Exec()), scale = logit.to_host(Exec());
  index_t const n = a.tokens(), inner = a.heads * a.dim_head, windows = qkv.extent(0);
  index_t const number[] = {4, 0, 2}, seam[] = {0, 2, 3};
  Values out(at(windows * n * inner), 0.0);
  auto const entry = [&](index_t w, index_t t, index_t third, index_t h, index_t e) {
    return x[at(((w * n + t) * 3 + third) * inner + h * a.dim_head + e)];
  };
  auto const length = [&](index_t w, index_t t, index_t third, index_t h) {
    double sum = 0;
    for (index_t e = 0; e < a.dim_head; ++e)
      sum += entry(w, t, third, h, e) * entry(w, t, third, h, e);
    return std::max(std::sqrt(sum), 1e-12);
  };
  // Regions of a rolled grid, as timm numbers them.
  auto const region = [&](index_t w, index_t t) {
    index_t const s = a.seams.size() > 0 ? seam[w % 3] : 0;
    bool const south = (s & 1) && t / a.window_columns >= a.window_rows - a.shift_rows;
    bool const east = (s & 2) && t % a.window_columns >= a.window_columns - a.shift_columns;
    return std::pair(south, east);
  };
  for (index_t w = 0; w < windows; ++w)
    for (index_t h = 0; h < a.heads; ++h)
      for (index_t p = 0; p < n; ++p) {
        Values s(at(n));
        double sum = 0;
        for (index_t q = 0; q < n; ++q) {
          double product = 0;
          for (index_t e = 0; e < a.dim_head; ++e)
            product += entry(w, p, 0, h, e) * entry(w, q, 1, h, e);
          double const cosine = product / length(w, p, 0, h) / length(w, q, 1, h);
          s[at(q)] = std::exp(cosine * std::min(std::exp(scale[at(h)]), 100.0) + table[at((h * n + p) * n + q)] -
                              (region(w, p) == region(w, q) ? 0 : 100));
          sum += s[at(q)];
        }
        for (index_t q = 0; q < n; ++q) {
          index_t const row = (((3 + w / 3) * 5 + number[w % 3]) * a.all_heads + a.first_head + h) * n + p;
          double const weight = is_dropped(a.key, a.dropout, row, n, q) ? 0 : s[at(q)] / sum / (1 - a.dropout);
          for (index_t e = 0; e < a.dim_head; ++e)
            out[at((w * n + p) * inner + h * a.dim_head + e)] += weight * entry(w, q, 2, h, e);
        }
      }
  return out;
}

struct Case {
  index_t windows, rows, columns, heads, width;
  bool shifted;
  double dropout;
};
Case const cases[] = {{3, 1, 1, 2, 3, false, 0}, {6, 2, 2, 1, 4, true, 0},   {3, 4, 2, 2, 3, true, 0},
                      {3, 5, 5, 1, 2, true, 0},  {6, 3, 3, 2, 3, true, 0.3}, {6, 3, 3, 2, 3, false, 0.1}};

TEST(CosineAttention, PlainReference)
{
  for (auto const& c : cases)
    for (DType const type : {DType::float64, DType::float32}) {
      SCOPED_TRACE(to_string({c.windows, c.rows, c.columns, c.heads, c.width}));
      auto const a = make_attention(c.rows, c.columns, c.heads, c.width, c.shifted, c.dropout);
      index_t const inner = c.heads * c.width, n = a.tokens();
      Array const qkv = random_array(type, {c.windows, n, 3 * inner}, 1), bias = random_array(type, {c.heads, n, n}, 2),
                  logit = random_array(type, {c.heads}, 3), out = unwritten(type, {c.windows, n, inner});
      ops::cosine_attention_forward(Exec(), a, qkv, logit, bias, out);
      expect_close(out, reference(a, qkv, logit, bias), type == DType::float64 ? 1e-12 : 1e-5);
    }
}

TEST(CosineAttention, Gradients)
{
  for (auto const& c : cases) {
    SCOPED_TRACE(to_string({c.windows, c.rows, c.columns, c.heads, c.width}));
    auto const a = make_attention(c.rows, c.columns, c.heads, c.width, c.shifted, c.dropout);
    index_t const inner = c.heads * c.width, n = a.tokens();
    check_gradients(
        {random_array(DType::float64, {c.windows, n, 3 * inner}, 1), random_array(DType::float64, {c.heads}, 3),
         random_array(DType::float64, {c.heads, n, n}, 2)},
        [&](Arrays const& in) {
          Array const out = unwritten(DType::float64, {c.windows, n, inner});
          ops::cosine_attention_forward(Exec(), a, in[0], in[1], in[2], out);
          return out;
        },
        [&](Arrays const& in, Array const& dout) {
          Array const dqkv = unwritten(DType::float64, in[0].shape()), dlogit = sum_begun(in[1]),
                      dbias = sum_begun(in[2]);
          ops::cosine_attention_backward(Exec(), a, in[0], in[1], in[2], dout, dqkv, dlogit, dbias);
          return Arrays{dqkv, added(dlogit), added(dbias)};
        },
        1e-7, 3e-4); // short vectors turn quickly
  }
}

// exp(logit) stops growing at 100, and its gradient with it.
TEST(CosineAttention, TheScaleIsBounded)
{
  auto const a = make_attention(2, 2, 2, 3, false);
  Array const qkv = random_array(DType::float64, {3, 4, 18}, 1), bias = random_array(DType::float64, {2, 4, 4}, 2);
  auto const logits = [](double l) { return Array::from_host(Exec(), DType::float64, {2}, {l, 1.0}); };
  Array const at = unwritten(DType::float64, {3, 4, 6}), above = unwritten(DType::float64, {3, 4, 6});
  ops::cosine_attention_forward(Exec(), a, qkv, logits(std::log(100.0)), bias, at);
  ops::cosine_attention_forward(Exec(), a, qkv, logits(9), bias, above);
  expect_close(above, at.to_host(Exec()), 1e-12);
  Array const dqkv = unwritten(DType::float64, qkv.shape()), dlogit = Array::zeros(Exec(), DType::float64, {2}),
              dbias = Array::zeros(Exec(), DType::float64, bias.shape());
  ops::cosine_attention_backward(Exec(), a, qkv, logits(9), bias, at, dqkv, dlogit, dbias);
  EXPECT_EQ(dlogit.to_host(Exec())[0], 0);
  EXPECT_NE(dlogit.to_host(Exec())[1], 0);
}

// Tokens of padding begin as zeros: their direction is zero, and the bound of the length makes its slope.
TEST(CosineAttention, VectorsOfNoLength)
{
  auto const a = make_attention(1, 2, 1, 2, false);
  Array const qkv = Array::from_host(Exec(), DType::float64, {3, 2, 6}, [] {
    Values v(36, 0.0);
    for (std::size_t i = 0; i < 36; i += 12) // the first token of each window has values alone
      v[i + 4] = 1, v[i + 5] = 2, v[i + 10] = 3, v[i + 11] = 5;
    return v;
  }());
  Array const logit = Array::zeros(Exec(), DType::float64, {1}), bias = Array::zeros(Exec(), DType::float64, {1, 2, 2}),
              out = unwritten(DType::float64, {3, 2, 2});
  ops::cosine_attention_forward(Exec(), a, qkv, logit, bias, out);
  expect_close(out, {2, 3.5, 2, 3.5, 2, 3.5, 2, 3.5, 2, 3.5, 2, 3.5});
  Array const dqkv = unwritten(DType::float64, qkv.shape());
  ops::cosine_attention_backward(Exec(), a, qkv, logit, bias, out, dqkv, sum_begun(logit), sum_begun(bias));
  for (double const d : dqkv.to_host(Exec()))
    EXPECT_TRUE(std::isfinite(d));
}

TEST(CosineAttention, NoWindows)
{
  auto a = make_attention(2, 2, 2, 3, true, 0.1);
  a.windows.numbers = a.seams = IndexList(); // an empty tile has none
  Array const none = Array::empty(DType::float32, {0, 4, 18}), nothing = Array::empty(DType::float32, {0, 4, 6}),
              bias = random_array(DType::float32, {2, 4, 4}, 1), logit = random_array(DType::float32, {2}, 2),
              dbias = Array::zeros(Exec(), DType::float32, {2, 4, 4}),
              dlogit = Array::zeros(Exec(), DType::float32, {2});
  ops::cosine_attention_forward(Exec(), a, none, logit, bias, nothing);
  ops::cosine_attention_backward(Exec(), a, none, logit, bias, nothing, none, dlogit, dbias);
  EXPECT_EQ(dbias.to_host(Exec()), Values(32, 0.0));
}

} // namespace
} // namespace rossby
