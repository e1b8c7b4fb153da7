#include "ops/gemm.hpp"
#include "ops/linear.hpp"
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;

struct Matrix {
  index_t rows, cols;
  Values v;
  double operator()(char t, index_t i, index_t j) const { return v[at(t == 'N' ? i * cols + j : j * cols + i)]; }
};

/// alpha op(A) op(B) + beta C.
Values product_of(char ta, char tb, double alpha, Matrix const& a, Matrix const& b, double beta, Matrix c)
{
  index_t const inner = ta == 'N' ? a.cols : a.rows;
  for (index_t i = 0; i < c.rows; ++i)
    for (index_t j = 0; j < c.cols; ++j) {
      double sum = 0;
      for (index_t k = 0; k < inner; ++k)
        sum += a(ta, i, k) * b(tb, k, j);
      double& e = c.v[at(i * c.cols + j)];
      e = alpha * sum + (beta == 0 ? 0 : beta * e);
    }
  return c.v;
}

template <class T> void check_gemm(char ta, char tb, index_t m, index_t n, index_t k, double alpha, double beta)
{
  SCOPED_TRACE(::testing::Message() << ta << tb << " " << m << " " << n << " " << k);
  auto const type = dtype_of<T>();
  Shape const sa = ta == 'N' ? Shape{m, k} : Shape{k, m}, sb = tb == 'N' ? Shape{k, n} : Shape{n, k};
  Array const a = random_array(type, sa, 1), b = random_array(type, sb, 2), c = random_array(type, {m, n}, 3);
  auto const wanted = product_of(ta, tb, alpha, {sa[0], sa[1], a.to_host(Exec())}, {sb[0], sb[1], b.to_host(Exec())},
                                 beta, {m, n, c.to_host(Exec())});
  ops::gemm<T>(Exec(), ta, tb, alpha, a.view<T, 2>(), b.view<T, 2>(), beta, c.view<T, 2>());
  expect_close(c, wanted);
}

TEST(Gemm, AllTranspositionsAndShapes)
{
  for (char const ta : {'N', 'T'})
    for (char const tb : {'N', 'T'})
      for (auto const& s : {Shape{5, 7, 3}, Shape{1, 6, 40}, Shape{33, 1, 17}, Shape{20, 24, 1}}) {
        check_gemm<double>(ta, tb, s[0], s[1], s[2], 1.5, -0.5);
        check_gemm<float>(ta, tb, s[0], s[1], s[2], -1, 1);
      }
}

TEST(Gemm, BetaZeroIgnoresWhatWasThere)
{
  Array const a = random_array(DType::float64, {3, 2}, 1), b = random_array(DType::float64, {2, 4}, 2);
  Array const c = unwritten(DType::float64, {3, 4});
  ops::gemm<double>(Exec(), 'N', 'N', 1, a.view<double, 2>(), b.view<double, 2>(), 0, c.view<double, 2>());
  expect_close(c, product_of('N', 'N', 1, {3, 2, a.to_host(Exec())}, {2, 4, b.to_host(Exec())}, 0, {3, 4, Values(12)}));
}

TEST(Gemm, EmptyProducts)
{
  Array const a = Array::empty(DType::float64, {3, 0}), b = Array::empty(DType::float64, {0, 2});
  Array const c = Array::from_host(Exec(), DType::float64, {3, 2}, {1, 2, 3, 4, 5, 6});
  ops::gemm<double>(Exec(), 'N', 'N', 1, a.view<double, 2>(), b.view<double, 2>(), 2, c.view<double, 2>());
  EXPECT_EQ(c.to_host(Exec()), (Values{2, 4, 6, 8, 10, 12}));
  Array const d = unwritten(DType::float64, {3, 2});
  ops::gemm<double>(Exec(), 'N', 'N', 1, a.view<double, 2>(), b.view<double, 2>(), 0, d.view<double, 2>());
  EXPECT_EQ(d.to_host(Exec()), Values(6, 0.0));
  EXPECT_THROW(ops::gemm<double>(Exec(), 'N', 'N', 1, a.view<double, 2>(), c.view<double, 2>(), 0, d.view<double, 2>()),
               std::logic_error);
}

TEST(Gemm, BlocksOfLargerMatrices)
{
  Array const a = random_array(DType::float64, {6, 9}, 1), b = random_array(DType::float64, {4, 5}, 2),
              c = random_array(DType::float64, {7, 8}, 3);
  auto const range = [](index_t begin, index_t end) { return Kokkos::make_pair(begin, end); };
  View<double, 2> const part_a = Kokkos::subview(a.view<double, 2>(), range(1, 4), range(2, 6)),
                        part_c = Kokkos::subview(c.view<double, 2>(), range(3, 6), range(1, 6));
  auto wanted = c.to_host(Exec());
  auto const ha = a.to_host(Exec()), hb = b.to_host(Exec());
  for (index_t i = 0; i < 3; ++i)
    for (index_t j = 0; j < 5; ++j) {
      double sum = 0;
      for (index_t k = 0; k < 4; ++k)
        sum += ha[at((i + 1) * 9 + k + 2)] * hb[at(k * 5 + j)];
      wanted[at((i + 3) * 8 + j + 1)] += sum;
    }
  ops::gemm<double>(Exec(), 'N', 'N', 1, part_a, b.view<double, 2>(), 1, part_c);
  expect_close(c, wanted); // what lies around the block too
}

/// A matrix of its own, or the columns from the third on of a wider one: `whole` is what lies in memory.
struct Block {
  Array whole;
  index_t rows, cols, first;
  Block(DType type, index_t r, index_t c, bool within, std::uint64_t seed)
      : whole(random_array(type, {r, within ? c + 4 : c}, seed)), rows(r), cols(c), first(within ? 2 : 0)
  {
  }
  template <class T> View<T, 2> view() const
  {
    return Kokkos::subview(whole.view<T, 2>(), Kokkos::make_pair(index_t(0), rows),
                           Kokkos::make_pair(first, first + cols));
  }
  std::size_t place(index_t i, index_t j) const { return at(i * whole.extent(1) + first + j); }
  Matrix values() const
  {
    Matrix m{rows, cols, {}};
    auto const all = whole.to_host(Exec());
    for (index_t i = 0; i < rows; ++i)
      for (index_t j = 0; j < cols; ++j)
        m.v.push_back(all[place(i, j)]);
    return m;
  }
};

template <class T> void check_columns(char ta, char tb, Shape const& s, int within, double beta)
{
  SCOPED_TRACE(::testing::Message() << ta << tb << " " << to_string(s) << ", within wider matrices: " << within);
  auto const type = dtype_of<T>();
  index_t const m = s[0], n = s[1], k = s[2];
  Block const a(type, ta == 'N' ? m : k, ta == 'N' ? k : m, within & 1, 1),
      b(type, tb == 'N' ? k : n, tb == 'N' ? n : k, within & 2, 2), c(type, m, n, within & 4, 3);
  auto const product = product_of(ta, tb, 1.5, a.values(), b.values(), beta, c.values());
  auto wanted = c.whole.to_host(Exec()); // what lies around the block stays
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j)
      wanted[c.place(i, j)] = product[at(i * n + j)];
  ops::gemm<T>(Exec(), ta, tb, 1.5, a.view<T>(), b.view<T>(), beta, c.view<T>());
  expect_close(c.whole, wanted);
}

TEST(Gemm, SingleColumnsWithAndWithoutStride)
{
  for (char const ta : {'N', 'T'})
    for (char const tb : {'N', 'T'})
      for (auto const& s : {Shape{9, 1, 5}, Shape{1, 9, 5}, Shape{9, 5, 1}, Shape{9, 1, 1}, Shape{1, 1, 9}})
        for (int within = 0; within < 8; ++within)
          for (double const beta : {0.0, -0.5}) {
            check_columns<double>(ta, tb, s, within, beta);
            check_columns<float>(ta, tb, s, within, beta);
          }
}

TEST(Gemm, SumsOfAStridedColumn)
{
  Block const x(DType::float64, 40, 1, true, 1);
  Array const sum = unwritten(DType::float64, {1});
  ops::column_sums<double>(Exec(), x.view<double>(), 0, sum.flat<double>());
  double wanted = 0;
  for (double const v : x.values().v)
    wanted += v;
  expect_close(sum, {wanted});
}

TEST(Gemm, ColumnSumsAndBias)
{
  for (index_t const rows : {1, 5, 300}) {
    Array const x = random_array(DType::float64, {rows, 6}, 1), sum = random_array(DType::float64, {6}, 2);
    auto wanted = sum.to_host(Exec());
    auto const h = x.to_host(Exec());
    for (index_t c = 0; c < 6; ++c) {
      wanted[at(c)] *= 0.5;
      for (index_t i = 0; i < rows; ++i)
        wanted[at(c)] += h[at(i * 6 + c)];
    }
    ops::column_sums<double>(Exec(), x.view<double, 2>(), 0.5, sum.flat<double>());
    expect_close(sum, wanted);
  }
  Array const y = unwritten(DType::float32, {2, 3}), bias = Array::from_host(Exec(), DType::float32, {3}, {1, 2, 3});
  ops::spread_bias<float>(Exec(), bias.flat<float>(), y.view<float, 2>());
  EXPECT_EQ(y.to_host(Exec()), (Values{1, 2, 3, 1, 2, 3}));
}

// What devices do after a product; hosts take both into it.
/// op(A) op(B) [+ bias or C] of bfloat16, with A and C as blocks of wider matrices.
template <class To> void check_bf16(char ta, char tb, index_t m, index_t n, index_t k, bool with_bias, int beta)
{
  SCOPED_TRACE(::testing::Message() << ta << tb << " " << m << " " << n << " " << k << " " << with_bias << beta);
  Shape const sa = ta == 'N' ? Shape{m, k} : Shape{k, m}, sb = tb == 'N' ? Shape{n, k} : Shape{k, n};
  Array const a = random_array(DType::bfloat16, {sa[0], sa[1] + 3}, 1),
              b = random_array(DType::bfloat16, tb == 'N' ? Shape{k, n} : Shape{n, k}, 2),
              c = random_array(dtype_of<To>(), {m, n + 5}, 3), bias = random_array(DType::float32, {n}, 4);
  auto const columns = [](auto const& matrix, index_t first, index_t count) {
    return Kokkos::subview(matrix, Kokkos::ALL, Kokkos::make_pair(first, first + count));
  };
  View<bfloat16, 2> const part_a = columns(a.view<bfloat16, 2>(), 2, sa[1]);
  View<To, 2> const part_c = columns(c.view<To, 2>(), 1, n);
  auto const whole_a = a.to_host(Exec()), shift = bias.to_host(Exec()), before = c.to_host(Exec());
  Values values_a, values_c;
  for (index_t i = 0; i < sa[0]; ++i)
    for (index_t j = 0; j < sa[1]; ++j)
      values_a.push_back(whole_a[at(i * (sa[1] + 3) + j + 2)]);
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j)
      values_c.push_back(with_bias ? shift[at(j)] : before[at(i * (n + 5) + j + 1)]);
  Shape const of_b = tb == 'N' ? Shape{k, n} : Shape{n, k};
  auto const inner = product_of(ta, tb, 1, {sa[0], sa[1], values_a}, {of_b[0], of_b[1], b.to_host(Exec())},
                                with_bias || beta == 1 ? 1 : 0, {m, n, values_c});
  Values wanted = before;
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j)
      wanted[at(i * (n + 5) + j + 1)] = inner[at(i * n + j)];
  auto const multiply = [&] {
    ops::bf16_product<To>(Exec(), ta, tb, part_a, b.view<bfloat16, 2>(),
                          with_bias ? bias.flat<float>().data() : nullptr, beta, part_c);
  };
  if (!ops::multiplies_bfloat16()) {
    EXPECT_THROW(multiply(), std::logic_error);
    return;
  }
  multiply();
  expect_close(c, wanted, std::is_same<To, float>::value ? 1e-6 : 4e-3);
}

TEST(Products, OfBfloat16)
{
  for (char const ta : {'N', 'T'})
    for (char const tb : {'N', 'T'})
      for (auto const& s : {Shape{5, 7, 3}, Shape{1, 6, 40}, Shape{33, 1, 17}, Shape{20, 24, 1}, Shape{70, 65, 130}}) {
        check_bf16<float>(ta, tb, s[0], s[1], s[2], false, 0);
        check_bf16<float>(ta, tb, s[0], s[1], s[2], false, 1);
        check_bf16<float>(ta, tb, s[0], s[1], s[2], true, 0);
        check_bf16<bfloat16>(ta, tb, s[0], s[1], s[2], false, 0);
        check_bf16<bfloat16>(ta, tb, s[0], s[1], s[2], true, 0);
      }
}

TEST(Products, EmptyOnesOfBfloat16)
{
  Array const a = Array::empty(DType::bfloat16, {3, 0}), b = Array::empty(DType::bfloat16, {0, 2});
  Array const c = Array::from_host(Exec(), DType::float32, {3, 2}, {1, 2, 3, 4, 5, 6});
  ops::product<bfloat16>(Exec(), 'N', 'N', a.view<bfloat16, 2>(), b.view<bfloat16, 2>(), 1, c.view<float, 2>());
  EXPECT_EQ(c.to_host(Exec()), (Values{1, 2, 3, 4, 5, 6}));
  ops::product<bfloat16>(Exec(), 'N', 'N', a.view<bfloat16, 2>(), b.view<bfloat16, 2>(), 0, c.view<float, 2>());
  EXPECT_EQ(c.to_host(Exec()), Values(6, 0.0));
}

TEST(Products, WeightsAreScaledBeforeTheyAreRounded)
{
  Array const w = random_array(DType::float32, {4, 3, 2}, 5);
  auto const values = w.to_host(Exec());
  Values wanted;
  for (double const v : values)
    wanted.push_back(float(bfloat16(static_cast<float>(v) * 0.3F)));
  auto const check = [&](ops::WeightOperand const& operand, DType type) {
    EXPECT_EQ(operand.values.dtype(), type);
    EXPECT_EQ(operand.left.sigma(), nullptr);
    EXPECT_EQ(operand.values.to_host(Exec()), wanted);
  };
  check(ops::weight_operand<bfloat16, bfloat16>(Exec(), w, scale_by(0.3)), DType::bfloat16);
  check(ops::weight_operand<bfloat16, float>(Exec(), w, scale_by(0.3)), DType::float32);
  EXPECT_EQ((ops::weight_operand<float, float>(Exec(), w, scale_by(0.3)).values.data()), w.data());
}

TEST(Products, ScaleAndBiasAfterwards)
{
  Array const bias = random_array(DType::float64, {5}, 2);
  auto const b = bias.to_host(Exec());
  for (bool const scaled : {false, true})
    for (bool const with_bias : {false, true}) {
      Array const y = random_array(DType::float64, {3, 5}, 1);
      auto wanted = y.to_host(Exec());
      for (std::size_t i = 0; i < wanted.size(); ++i)
        wanted[i] = (scaled ? 0.25 : 1) * wanted[i] + (with_bias ? b[i % 5] : 0);
      ops::apply_scale<double>(Exec(), scaled ? scale_by(0.25) : ops::Scale(), with_bias ? bias : Array(),
                               y.view<double, 2>());
      expect_close(y, wanted);
    }
}

TEST(Linear, PlainReference)
{
  for (DType const type : {DType::float64, DType::float32})
    for (bool const with_bias : {true, false}) {
      Array const x = random_array(type, {2, 5, 7}, 1), w = random_array(type, {4, 7}, 2),
                  bias = with_bias ? random_array(type, {4}, 3) : Array(), y = unwritten(type, {2, 5, 4});
      auto const hx = x.to_host(Exec()), hw = w.to_host(Exec()), hb = with_bias ? bias.to_host(Exec()) : Values(4, 0.0);
      Values wanted;
      for (index_t n = 0; n < 10; ++n)
        for (index_t o = 0; o < 4; ++o) {
          double sum = 0;
          for (index_t i = 0; i < 7; ++i)
            sum += hx[at(n * 7 + i)] * hw[at(o * 7 + i)];
          wanted.push_back(0.7 * sum + hb[at(o)]);
        }
      ops::linear_forward(Exec(), x, w, scale_by(0.7), bias, y);
      expect_close(y, wanted);
    }
}

TEST(Linear, Gradients)
{
  double const scale = 0.7;
  check_gradients(
      {random_array(DType::float64, {6, 5}, 1), random_array(DType::float64, {3, 5}, 2),
       random_array(DType::float64, {3}, 3)},
      [&](Arrays const& in) {
        Array const y = unwritten(DType::float64, {6, 3});
        ops::linear_forward(Exec(), in[0], in[1], scale_by(scale), in[2], y);
        return y;
      },
      [&](Arrays const& in, Array const& dy) {
        Array const dx = unwritten(DType::float64, {6, 5}), dw = sum_begun(in[1]), db = sum_begun(in[2]);
        ops::linear_backward(Exec(), in[0], in[1], scale_by(scale), dy, dx, dw, db);
        auto dw_scaled = added(dw).to_host(Exec()); // of the scaled weight
        for (double& e : dw_scaled)
          e *= scale;
        return Arrays{dx, Array::from_host(Exec(), DType::float64, {3, 5}, dw_scaled), added(db)};
      });
}

TEST(Linear, EmptyGradientsAreSkipped)
{
  Array const x = random_array(DType::float64, {6, 5}, 1), w = random_array(DType::float64, {3, 5}, 2),
              dy = random_array(DType::float64, {6, 3}, 3), dw = Array::zeros(Exec(), DType::float64, {3, 5}),
              alone = Array::zeros(Exec(), DType::float64, {3, 5});
  ops::linear_backward(Exec(), x, w, {}, dy, unwritten(DType::float64, {6, 5}), dw, Array());
  ops::linear_backward(Exec(), x, w, {}, dy, Array(), alone, Array());
  EXPECT_EQ(dw.to_host(Exec()), alone.to_host(Exec()));
  ops::linear_backward(Exec(), Array(), w, {}, dy, unwritten(DType::float64, {6, 5}), Array(), Array());
}

} // namespace
} // namespace rossby
