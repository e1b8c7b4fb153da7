#include "dropout_reference.hpp"

#include <rossby/core/random.hpp>
#include <rossby/ops/attention.hpp>
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;
using ops::WindowAttention;

/// Windows 4, 0 and 2 of the five of each sample; the first sample here is the fourth of the batch.
WindowAttention make_attention(index_t tokens, index_t heads, index_t width, double dropout)
{
  return {tokens, heads, width, dropout, {7, 11}, {IndexList(Exec(), {4, 0, 2}), 5, 3}};
}
index_t global_window(index_t local) { return (3 + local / 3) * 5 + std::vector<index_t>{4, 0, 2}[at(local % 3)]; }

Values reference(WindowAttention const& a, Array const& qkv, Array const& bias)
{
  auto const x = qkv.to_host(Exec()), table = bias.to_host(Exec());
  index_t const n = a.tokens, inner = a.heads * a.dim_head, windows = qkv.extent(0);
  Values out(at(windows * n * inner), 0.0);
  auto const entry = [&](index_t w, index_t t, index_t third, index_t h, index_t e) {
    return x[at(((w * n + t) * 3 + third) * inner + h * a.dim_head + e)];
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
          s[at(q)] = std::exp(product / std::sqrt(static_cast<double>(a.dim_head)) + table[at(p * n + q)]);
          sum += s[at(q)];
        }
        for (index_t q = 0; q < n; ++q) {
          bool const dropped = is_dropped(a.key, a.dropout, (global_window(w) * a.heads + h) * n + p, n, q);
          double const weight = dropped ? 0 : s[at(q)] / sum / (1 - a.dropout);
          for (index_t e = 0; e < a.dim_head; ++e)
            out[at((w * n + p) * inner + h * a.dim_head + e)] += weight * entry(w, q, 2, h, e);
        }
      }
  return out;
}

struct Case {
  index_t windows, tokens, heads, width;
  double dropout;
};
Case const cases[] = {{3, 1, 2, 3, 0}, {6, 1, 1, 4, 0.5}, {3, 4, 1, 1, 0},
                      {6, 9, 2, 3, 0}, {6, 9, 2, 3, 0.3}, {3, 25, 3, 2, 0.1}};

TEST(WindowAttention, PlainReference)
{
  for (auto const& c : cases)
    for (DType const type : {DType::float64, DType::float32}) {
      SCOPED_TRACE(to_string({c.windows, c.tokens, c.heads, c.width}));
      auto const a = make_attention(c.tokens, c.heads, c.width, c.dropout);
      index_t const inner = c.heads * c.width;
      Array const qkv = random_array(type, {c.windows, c.tokens, 3 * inner}, 1),
                  bias = random_array(type, {c.tokens, c.tokens}, 2),
                  out = unwritten(type, {c.windows, c.tokens, inner});
      ops::window_attention_forward(Exec(), a, qkv, bias, out);
      expect_close(out, reference(a, qkv, bias));
    }
}

TEST(WindowAttention, Gradients)
{
  for (auto const& c : cases) {
    SCOPED_TRACE(to_string({c.windows, c.tokens, c.heads, c.width}));
    auto const a = make_attention(c.tokens, c.heads, c.width, c.dropout);
    index_t const inner = c.heads * c.width;
    check_gradients(
        {random_array(DType::float64, {c.windows, c.tokens, 3 * inner}, 1),
         random_array(DType::float64, {c.tokens, c.tokens}, 2)},
        [&](Arrays const& in) {
          Array const out = unwritten(DType::float64, {c.windows, c.tokens, inner});
          ops::window_attention_forward(Exec(), a, in[0], in[1], out);
          return out;
        },
        [&](Arrays const& in, Array const& dout) {
          Array const dqkv = unwritten(DType::float64, in[0].shape()), dbias = sum_begun(in[1]);
          ops::window_attention_backward(Exec(), a, in[0], in[1], dout, dqkv, dbias);
          return Arrays{dqkv, added(dbias)};
        });
  }
}

TEST(WindowAttention, LargeScoresDoNotOverflow)
{
  WindowAttention const a{2, 1, 1};
  Array const qkv = Array::from_host(Exec(), DType::float32, {1, 2, 3}, {40, 40, 1, 40, -40, 2}),
              out = unwritten(DType::float32, {1, 2, 1});
  ops::window_attention_forward(Exec(), a, qkv, Array::zeros(Exec(), DType::float32, {2, 2}), out);
  expect_close(out, {1, 1}, 1e-6);
}

// So many tokens and heads that several windows share one partial table of the bias gradient.
TEST(WindowAttention, BiasGradientSumsOverAllWindows)
{
  index_t const windows = 80, tokens = 64, heads = 16;
  WindowAttention const a{tokens, heads, 1};
  Array const qkv = random_array(DType::float64, {windows, tokens, 3 * heads}, 1),
              bias = random_array(DType::float64, {tokens, tokens}, 2),
              dout = random_array(DType::float64, {windows, tokens, heads}, 3);
  Array const dqkv = unwritten(DType::float64, qkv.shape()), dbias = sum_begun(bias);
  ops::window_attention_backward(Exec(), a, qkv, bias, dout, dqkv, dbias);
  Array const sum = sum_begun(bias), part = unwritten(DType::float64, {1, tokens, 3 * heads});
  auto const together = dqkv.to_host(Exec());
  for (index_t w = 0; w < windows; ++w) {
    ops::window_attention_backward(Exec(), a, qkv.rows(w, 1), bias, dout.rows(w, 1), part, sum);
    auto const alone = part.to_host(Exec());
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + w * part.size())) << "window " << w;
  }
  expect_close(dbias, sum.to_host(Exec()), 1e-12);
}

TEST(WindowAttention, NoWindows)
{
  auto a = make_attention(4, 2, 3, 0.1);
  a.windows.numbers = IndexList(); // an empty tile has none
  Array const none = Array::empty(DType::float32, {0, 4, 18}), nothing = Array::empty(DType::float32, {0, 4, 6}),
              bias = random_array(DType::float32, {4, 4}, 1), dbias = Array::zeros(Exec(), DType::float32, {4, 4});
  ops::window_attention_forward(Exec(), a, none, bias, nothing);
  ops::window_attention_backward(Exec(), a, none, bias, nothing, none, dbias);
  EXPECT_EQ(dbias.to_host(Exec()), Values(16, 0.0));
}

} // namespace
} // namespace rossby
