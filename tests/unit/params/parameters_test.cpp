#include <rossby/params/parameters.hpp>
#include <support/arrays.hpp>

#include <algorithm>
#include <numeric>

namespace rossby {
namespace {
using namespace test;
using Kind = Initial::Kind;

ParameterSpec spec(std::string name, Shape shape, Initial initial, ParameterLayout layout = ParameterLayout::natural)
{
  ParameterSpec s;
  s.name = std::move(name);
  s.shape = std::move(shape);
  s.layout = layout;
  s.initial = initial;
  return s;
}

/// Values of one parameter in file order, declared alone.
Values initial_values(ParameterSpec const& s, std::uint64_t seed = 1, DType dtype = DType::float64)
{
  Parameters p;
  p.declare(s);
  p.allocate(Exec(), dtype, seed);
  return to_file_order(Exec(), s, p[0].value());
}

TEST(Parameters, LayoutsAreThePermutationsTheyName)
{
  Exec const exec;
  index_t const a = 2, b = 3, kh = 2, kw = 4;
  Values file(at(a * b * kh * kw));
  std::iota(file.begin(), file.end(), 0.0);
  for (auto const layout : {ParameterLayout::conv, ParameterLayout::conv_transpose}) {
    bool const transposed = layout == ParameterLayout::conv_transpose;
    auto const s = spec("w", {a, b, kh, kw}, {}, layout);
    index_t const out = transposed ? b : a, in = transposed ? a : b;
    EXPECT_EQ(memory_shape(s), (Shape{out, kh, kw, in}));
    Array const memory = unwritten(DType::float64, memory_shape(s));
    from_file_order(exec, s, file, memory);
    auto const m = memory.to_host(Exec());
    for (index_t o = 0; o < out; ++o)
      for (index_t i = 0; i < in; ++i)
        for (index_t y = 0; y < kh; ++y)
          for (index_t x = 0; x < kw; ++x) {
            index_t const first = transposed ? i : o, second = transposed ? o : i;
            EXPECT_EQ(m[at(((o * kh + y) * kw + x) * in + i)], file[at(((first * b + second) * kh + y) * kw + x)]);
          }
    EXPECT_EQ(to_file_order(exec, s, memory), file);
  }
  auto const plain = spec("b", {4, 12}, {});
  Array const memory = Array::zeros(exec, DType::float32, {4, 12});
  from_file_order(exec, plain, file, memory);
  EXPECT_EQ(memory.to_host(Exec()), file);
  EXPECT_EQ(to_file_order(exec, plain, memory), file);
  EXPECT_THROW(from_file_order(exec, plain, {1, 2}, memory), std::logic_error);
}

// Shares of blocks: three sections of rows, columns, kernels in both layouts, vectors.
TEST(Parameters, BoxesInFilesHoldThePositionsOfAPart)
{
  auto sections = spec("qkv", {18, 5}, {});
  sections.cut = TensorCut::rows;
  sections.sections = 3;
  auto columns = spec("out", {4, 6, 1, 1}, {}, ParameterLayout::conv);
  columns.cut = TensorCut::columns;
  std::size_t most = 0;
  for (auto const& s : {sections, columns, spec("embed", {6, 2, 3, 2}, {}, ParameterLayout::conv),
                        spec("up", {3, 4, 2, 2}, {}, ParameterLayout::conv_transpose), spec("norm", {1, 8, 1, 1}, {}),
                        spec("bias", {7}, {}), spec("scalar", {}, {})}) {
    std::vector<index_t> all;
    for (int block = 0; block < (s.cut == TensorCut::none ? 1 : 2); ++block)
      for (int holder = 0; holder < 4; ++holder) {
        Part const whole = tensor_block(s, block, 2);
        index_t const rows = whole.row_count();
        Part const part = some_rows(whole, {rows * holder / 4, rows * (holder + 1) / 4});
        auto expected = file_positions(s, part);
        std::sort(expected.begin(), expected.end());
        std::vector<index_t> found;
        auto const boxes = file_boxes(s, part);
        most = std::max(most, boxes.size());
        for (auto const& box : boxes)
          for (index_t i = 0; i < product(box.count); ++i) {
            index_t position = 0, rest = i, below = product(box.count);
            for (std::size_t axis = 0; axis < s.shape.size(); ++axis) {
              below /= box.count[axis];
              position = position * s.shape[axis] + box.offset[axis] + rest / below;
              rest %= below;
            }
            found.push_back(position);
          }
        std::sort(found.begin(), found.end());
        EXPECT_EQ(found, expected) << s.name << ", share " << holder << " of block " << block;
        all.insert(all.end(), found.begin(), found.end());
      }
    EXPECT_EQ(static_cast<index_t>(all.size()), product(s.shape)) << s.name;
  }
  EXPECT_EQ(most, 2u) << "shares that reach from one section into the next";
}

// Spectral norm multiplies rows of a convolution's weight with v: both must be permuted alike.
TEST(Parameters, PatchVectorsMatchConvolutionRows)
{
  index_t const in = 3, kh = 2, kw = 2, n = in * kh * kw;
  auto const w = spec("w", {1, in, kh, kw}, {Kind::normal, 1}, ParameterLayout::conv);
  auto v = spec("v", {n}, {Kind::unit_vector}, ParameterLayout::patch);
  v.patch = {in, kh, kw};
  Parameters p;
  p.declare(w);
  p.declare(v);
  p.allocate(Exec(), DType::float64, 3);
  auto const dot = [](Values const& x, Values const& y) {
    return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  };
  EXPECT_EQ(memory_shape(v), (Shape{n}));
  EXPECT_NEAR(dot(p[0].value().to_host(Exec()), p[1].value().to_host(Exec())),
              dot(to_file_order(Exec(), w, p[0].value()), to_file_order(Exec(), v, p[1].value())), 1e-14);
  EXPECT_NE(p[1].value().to_host(Exec()), to_file_order(Exec(), v, p[1].value()));
}

TEST(Parameters, InitialValuesDependOnNameSeedAndIndexOnly)
{
  auto const a = spec("a", {4, 3}, {Kind::uniform, 0.5}), b = spec("b", {4, 3}, {Kind::uniform, 0.5});
  Parameters forwards, backwards;
  forwards.declare(a);
  forwards.declare(b);
  backwards.declare(b);
  backwards.declare(a);
  forwards.allocate(Exec(), DType::float64, 1);
  backwards.allocate(Exec(), DType::float64, 1);
  EXPECT_EQ(forwards.find("a")->value().to_host(Exec()), backwards.find("a")->value().to_host(Exec()));
  EXPECT_EQ(forwards.find("b")->value().to_host(Exec()), backwards.find("b")->value().to_host(Exec()));
  EXPECT_EQ(forwards.find("c"), nullptr);
  EXPECT_NE(initial_values(a), initial_values(b));
  EXPECT_NE(initial_values(a, 1), initial_values(a, 2));
  // An element's value belongs to its place in the file, whatever its place in memory.
  auto const file = initial_values(spec("w", {2, 3, 2, 2}, {Kind::normal, 1}));
  for (auto const layout : {ParameterLayout::conv, ParameterLayout::conv_transpose})
    EXPECT_EQ(initial_values(spec("w", {2, 3, 2, 2}, {Kind::normal, 1}, layout)), file);
  auto const narrow = initial_values(a, 1, DType::float32), wide = initial_values(a);
  for (std::size_t i = 0; i < wide.size(); ++i)
    EXPECT_EQ(narrow[i], static_cast<double>(static_cast<float>(wide[i])));
}

TEST(Parameters, Distributions)
{
  EXPECT_EQ(initial_values(spec("c", {3}, {Kind::constant, 0.25})), (Values{0.25, 0.25, 0.25}));
  double const n = 20000;
  auto const moments = [&](Values const& v) {
    double mean = 0, square = 0;
    for (double const e : v)
      mean += e / n, square += e * e / n;
    return std::pair{mean, square};
  };
  auto const u = initial_values(spec("u", {200, 100}, {Kind::uniform, 0.5}));
  EXPECT_LE(*std::max_element(u.begin(), u.end()), 0.5);
  EXPECT_GE(*std::min_element(u.begin(), u.end()), -0.5);
  EXPECT_NEAR(moments(u).first, 0, 4 * std::sqrt(0.25 / 3 / n));
  EXPECT_NEAR(moments(u).second, 0.25 / 3, 4 * 0.25 * std::sqrt(4.0 / 45 / n));
  auto const g = initial_values(spec("g", {200, 100}, {Kind::normal, 0.02}));
  EXPECT_NEAR(moments(g).first, 0, 4 * 0.02 / std::sqrt(n));
  EXPECT_NEAR(moments(g).second, 0.0004, 4 * 0.0004 * std::sqrt(2 / n));
  auto const v = initial_values(spec("v", {50}, {Kind::unit_vector}));
  EXPECT_NEAR(std::inner_product(v.begin(), v.end(), v.begin(), 0.0), 1, 1e-14);
}

TEST(Parameters, IcnrRepeatsEachKernelFourTimes)
{
  index_t const channels = 3, kernel = 2 * 3 * 3;
  auto const v = initial_values(spec("w", {4 * channels, 2, 3, 3}, {Kind::icnr, 0.1}, ParameterLayout::conv));
  auto const row = [&](index_t o) { return Values(v.begin() + o * kernel, v.begin() + (o + 1) * kernel); };
  for (index_t c = 0; c < channels; ++c) {
    for (index_t r = 1; r < 4; ++r)
      EXPECT_EQ(row(4 * c + r), row(4 * c));
    if (c > 0) {
      EXPECT_NE(row(4 * c), row(0));
    }
  }
  EXPECT_NE(v[0], v[1]);
}

TEST(Parameters, WhatTrainsAndWhatDoesNot)
{
  auto fixed = spec("u", {5}, {Kind::unit_vector}), unused = spec("old", {7}, {Kind::constant, 1});
  fixed.trainable = false;
  unused.used = false;
  Parameters p;
  EXPECT_EQ(p.declare(spec("w", {2, 3}, {Kind::normal, 1})), 0);
  EXPECT_EQ(p.declare(fixed), 1);
  EXPECT_EQ(p.declare(unused), 2);
  EXPECT_THROW(p.declare(spec("w", {1}, {})), std::logic_error);
  p.allocate(Exec(), DType::float32, 1);
  EXPECT_EQ(p.dtype(), DType::float32);
  EXPECT_TRUE(p[0].var.needs_grad());
  EXPECT_FALSE(p[1].var.needs_grad());
  EXPECT_FALSE(p[2].var.needs_grad());
  EXPECT_EQ(p.count_trainable(), 13);
  p[0].var.accumulate(Exec(), Array::zeros(Exec(), DType::float32, {2, 3}));
  EXPECT_TRUE(static_cast<bool>(p[0].var.grad()));
  p.drop_grads();
  EXPECT_FALSE(static_cast<bool>(p[0].var.grad()));
}

} // namespace
} // namespace rossby
