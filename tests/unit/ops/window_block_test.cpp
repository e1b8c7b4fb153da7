// Window attention on blocks, emulated, against the kernels of hosts in float64, which the tests of attention compare
// with plain references and differences.
#include <support/block_emulator.hpp> // first: it chooses who runs blocks

#include "ops/window_block.hpp"

#include <rossby/ops/attention.hpp>
#include <rossby/ops/cosine_attention.hpp>
#include <support/gradient_check.hpp>

namespace rossby::ops {
namespace {
using namespace test;

struct Case {
  index_t windows, rows, columns, heads;
  bool cosine, shifted;
  double dropout;
};

/// Windows 4, 0 and 2 of the five of each sample; the heads are the last of one more.
CosineAttention attention_of(Case const& c, index_t width)
{
  CosineAttention a{c.rows, c.columns, c.heads, width};
  if (c.shifted) {
    a.shift_rows = c.rows / 2;
    a.shift_columns = c.columns / 2;
    a.seams = IndexList(Exec(), {0, 2, 3});
  }
  a.dropout = c.dropout;
  a.key = {7, 11};
  a.windows = {IndexList(Exec(), {4, 0, 2}), 5, 3};
  a.first_head = 1;
  a.all_heads = c.heads + 1;
  return a;
}
WindowAttention plain(CosineAttention const& a)
{
  return {a.tokens(), a.heads, a.dim_head, a.dropout, a.key, a.windows, a.first_head, a.all_heads};
}

/// Inputs in T, and the same numbers in float64.
template <class T> struct Inputs {
  Array qkv, bias, logit, dout;
  Inputs(Case const& c, index_t width)
      : qkv(random_array(dtype_of<T>(), {c.windows, c.rows * c.columns, 3 * c.heads * width}, 1)),
        bias(random_array(DType::float32, {c.cosine ? c.heads : 1, c.rows * c.columns, c.rows * c.columns}, 2)),
        logit(random_array(DType::float32, {c.heads}, 3)),
        dout(random_array(dtype_of<T>(), {c.windows, c.rows * c.columns, c.heads * width}, 4))
  {
  }
};
Array exactly(Array const& x) { return Array::from_host(Exec(), DType::float64, x.shape(), x.to_host(Exec())); }

template <class T> WindowTask<T> task_of(Case const& c, CosineAttention const& a, Inputs<T> const& in)
{
  index_t const tokens = a.tokens();
  WindowTask<T> task{{c.windows, tokens, a.heads, a.dim_head}, drop_of(a),
                     in.qkv.template flat<T>().data(),         in.bias.template flat<float>().data(),
                     c.cosine ? tokens * tokens : 0,           1 / std::sqrt(static_cast<float>(a.dim_head))};
  if (c.cosine) {
    task.logit = in.logit.template flat<float>().data();
    task.sides = {a.window_columns, a.window_rows - a.shift_rows, a.window_columns - a.shift_columns, a.seams.view()};
  }
  return task;
}

template <class T, int Keys, int Width> void check_forward(Case const& c)
{
  SCOPED_TRACE(to_string({c.windows, c.rows, c.columns, c.heads, Width, c.cosine, c.shifted}) + name_of(dtype_of<T>()));
  using Shape = WindowShape<T, Keys, Width>;
  auto const a = attention_of(c, Width);
  Inputs<T> const in(c, Width);
  Array const out = unwritten(dtype_of<T>(), in.dout.shape()), expected = unwritten(DType::float64, in.dout.shape());
  if (c.cosine)
    cosine_attention_forward(Exec(), a, exactly(in.qkv), exactly(in.logit), exactly(in.bias), expected);
  else
    window_attention_forward(Exec(), plain(a), exactly(in.qkv), exactly(in.bias).reshaped({a.tokens(), a.tokens()}),
                             expected);
  auto task = task_of<T>(c, a, in);
  Array written = out;
  task.out = written.flat<T>().data();
  EmulatedBlock b(Shape::threads, Shape::forward_bytes, 2);
  b.run((c.windows + Shape::windows - 1) / Shape::windows * c.heads,
        [&](EmulatedBlock& block) { window_forward<Shape>(block, task); });
  EXPECT_EQ(b.faults(), std::vector<std::string>());
  EXPECT_LT(b.sector_ratio(), 2.5);
  EXPECT_EQ(b.products() > 0, (std::is_same<T, bfloat16>::value));
  expect_close(out, expected.to_host(Exec()), std::is_same<T, float>::value ? 3e-6 : 2e-2);
}

TEST(WindowBlock, Forward)
{
  check_forward<float, 16, 32>({3, 2, 2, 2, false, false, 0});
  check_forward<float, 16, 32>({6, 3, 3, 1, true, true, 0.3});
  check_forward<float, 32, 64>({3, 5, 5, 1, true, true, 0});
  check_forward<float, 64, 32>({3, 7, 7, 1, false, false, 0.3});
  check_forward<float, 112, 32>({3, 10, 10, 1, false, false, 0.1});
  check_forward<bfloat16, 16, 32>({3, 4, 4, 2, false, false, 0});
  check_forward<bfloat16, 16, 64>({6, 3, 3, 1, true, true, 0.3});
  check_forward<bfloat16, 32, 32>({3, 5, 5, 1, true, true, 0});
  check_forward<bfloat16, 64, 64>({3, 8, 8, 1, false, false, 0.3});
  check_forward<bfloat16, 112, 32>({3, 6, 12, 1, true, true, 0.1});
}

template <class T, int Keys, int Width> void check_backward(Case const& c, index_t chunks)
{
  SCOPED_TRACE(to_string({c.windows, c.rows, c.columns, c.heads, Width, c.cosine, c.shifted}) + name_of(dtype_of<T>()));
  using Shape = WindowShape<T, Keys, Width>;
  auto const a = attention_of(c, Width);
  Inputs<T> const in(c, Width);
  index_t const n = a.tokens();
  Array const dqkv = unwritten(DType::float64, in.qkv.shape()),
              dlogit = Array::zeros(Exec(), DType::float64, {c.heads}),
              dbias = Array::zeros(Exec(), DType::float64, in.bias.shape());
  if (c.cosine)
    cosine_attention_backward(Exec(), a, exactly(in.qkv), exactly(in.logit), exactly(in.bias), exactly(in.dout), dqkv,
                              dlogit, dbias);
  else
    window_attention_backward(Exec(), plain(a), exactly(in.qkv), exactly(in.bias).reshaped({n, n}), exactly(in.dout),
                              dqkv, dbias.reshaped({n, n}));
  Array const tables = Array::zeros(Exec(), DType::float32, {chunks, c.heads, n, n}),
              scales = Array::zeros(Exec(), DType::float32, {chunks, c.heads, n});
  Out got = unwritten(dtype_of<T>(), in.qkv.shape()), to_tables = tables, to_scales = scales;
  auto task = task_of<T>(c, a, in);
  task.chunks = chunks;
  task.dout = in.dout.template flat<T>().data();
  task.dqkv = got.flat<T>().data();
  task.dbias = to_tables.flat<float>().data();
  task.dlogit = to_scales.flat<float>().data();
  EmulatedBlock b(Shape::threads, Shape::backward_bytes, 2);
  b.run((chunks + Shape::windows - 1) / Shape::windows * c.heads,
        [&](EmulatedBlock& block) { window_backward<Shape>(block, task); });
  EXPECT_EQ(b.faults(), std::vector<std::string>());
  EXPECT_LT(b.sector_ratio(), 2.75); // tables of the bias are walked in pairs of columns, not in packs
  double const tolerance = std::is_same<T, float>::value ? 1e-5 : 4e-2;
  expect_close(got, dqkv.to_host(Exec()), tolerance);
  // Sums over windows, and for dot products over heads.
  auto const parts = tables.to_host(Exec()), of_scale = scales.to_host(Exec());
  Values sum(at(dbias.size()), 0.0), logits(at(c.heads), 0.0);
  for (std::size_t i = 0; i < parts.size(); ++i)
    sum[i % sum.size()] += parts[i];
  for (std::size_t i = 0; i < of_scale.size(); ++i)
    logits[i / at(n) % at(c.heads)] += of_scale[i];
  expect_close(Array::from_host(Exec(), DType::float64, dbias.shape(), sum), dbias.to_host(Exec()), 3 * tolerance);
  if (c.cosine)
    expect_close(Array::from_host(Exec(), DType::float64, {c.heads}, logits), dlogit.to_host(Exec()), 10 * tolerance);
}

TEST(WindowBlock, Backward)
{
  check_backward<float, 16, 32>({3, 2, 2, 2, false, false, 0}, 3);
  check_backward<float, 16, 32>({6, 3, 3, 1, true, true, 0.3}, 2);
  check_backward<float, 32, 32>({3, 5, 5, 1, false, false, 0.1}, 2);
  check_backward<float, 32, 64>({3, 5, 5, 1, true, true, 0}, 3);
  check_backward<bfloat16, 16, 32>({3, 4, 4, 2, false, false, 0.3}, 3);
  check_backward<bfloat16, 64, 64>({3, 7, 7, 1, true, true, 0.1}, 1);
  check_backward<bfloat16, 112, 32>({3, 10, 10, 1, false, false, 0}, 2);
}

} // namespace
} // namespace rossby::ops
