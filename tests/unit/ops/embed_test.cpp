// The wide-kernel form of a cross-embedding against one ordinary convolution per branch, which has references of its
// own.

#include <support/arrays.hpp>

#include "ops/embed.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace rossby::test {
namespace {

struct Geometry {
  index_t batch, rows, cols, in, stride;
  std::vector<index_t> kernels, out;
};

std::vector<ops::EmbedBranch> branches_of(Geometry const& g, DType type, bool bias)
{
  std::vector<ops::EmbedBranch> list;
  index_t channel0 = 1; // a channel of somebody else in front
  for (std::size_t j = 0; j < g.kernels.size(); ++j) {
    index_t const k = g.kernels[j];
    index_t const offset = (g.kernels.back() - g.stride) / 2 - (k - g.stride) / 2;
    auto const seed = static_cast<std::uint64_t>(j);
    list.push_back({{k, g.stride, offset},
                    g.out[j],
                    channel0,
                    random_array(type, {g.out[j], k, k, g.in}, 10 + seed),
                    scale_by(0.5 + static_cast<double>(j)),
                    bias ? random_array(type, {g.out[j]}, 20 + seed) : Array(),
                    Array::zeros(Exec(), type, {g.out[j], k, k, g.in}),
                    Array::zeros(Exec(), type, {g.out[j]})});
    channel0 += g.out[j];
  }
  return list;
}

Geometry const geometries[] = {
    {1, 3, 5, 2, 2, {4, 8, 16}, {3, 2, 1}},          // as in WXFormer, fewer channels
    {2, 4, 3, 1, 2, {8}, {2}},                       // samples side by side
    {2, 5, 2, 3, 1, {4}, {1}},                       // no stride
    {1, 40, 60, 4, 2, {4, 8, 16, 32}, {8, 4, 2, 2}}, // several blocks
    {1, 2, 3, 1, 4, {4, 16}, {2, 2}},                // stride 4: offsets are not whole strides
};

TEST(Embed, SameAsConvolutions)
{
  for (auto const& g : geometries)
    for (DType const type : {DType::float64, DType::float32}) {
      SCOPED_TRACE(to_string({g.batch, g.rows, g.cols, g.in, g.stride}));
      index_t const widest = g.kernels.back(), channels = 1 + std::accumulate(g.out.begin(), g.out.end(), index_t(0));
      Array const x =
          random_array(type, {g.batch, (g.rows - 1) * g.stride + widest, (g.cols - 1) * g.stride + widest, g.in}, 1);
      auto const wide = branches_of(g, type, g.batch == 1), plain = branches_of(g, type, g.batch == 1);
      std::vector<ops::ConvShape> shapes;
      for (auto const& b : wide)
        shapes.push_back(b.shape);
      if (!ops::embed_suits(shapes)) {
        EXPECT_EQ(g.stride, 4);
        continue;
      }
      Array const y = Array::zeros(Exec(), type, {g.batch, g.rows, g.cols, channels});
      Array const reference = Array::zeros(Exec(), type, y.shape());
      ops::embed_biases(Exec(), wide, y);
      ops::embed_terms(Exec(), x, wide, y, {ops::embed_cells(x, wide)});
      for (auto const& b : plain)
        ops::conv_forward(Exec(), b.shape, x, b.weight, b.scale, b.bias, reference, b.channel0, ops::all_of(y));
      expect_close(y, reference.to_host(Exec()), 30 * round_off(type));

      // The terms of some of the input first, then those of the rest.
      Box const whole = ops::embed_cells(x, wide);
      for (Box const& input :
           {Box{2, 9, 0, x.extent(2)}, Box{1, x.extent(1) - 3, 3, x.extent(2) - 1}, Box{1, 2, 1, 2}}) {
        Box const inner = intersect(whole, ops::embed_cells(input, wide));
        auto parts = frame(whole, inner);
        parts.insert(parts.begin(), inner);
        int turns = 0;
        ops::embed_biases(Exec(), wide, y);
        for (auto const& cells : parts)
          ops::embed_terms(Exec(), x, wide, y, {cells, [&] { ++turns; }});
        expect_close(y, reference.to_host(Exec()), 30 * round_off(type));
        EXPECT_GE(turns, g.stride);
      }

      Array const dy = random_array(type, y.shape(), 2);
      ops::embed_backward(Exec(), x, wide, dy);
      for (std::size_t j = 0; j < wide.size(); ++j) {
        auto const& b = plain[j];
        ops::conv_weight_backward(Exec(), b.shape, x, dy, b.channel0, b.dweight, b.dbias);
        expect_close(wide[j].dweight, b.dweight.to_host(Exec()), 30 * round_off(type));
        expect_close(wide[j].dbias, b.dbias.to_host(Exec()), 30 * round_off(type));
      }
    }
}

TEST(Embed, SuitsWholeStridesOnly)
{
  EXPECT_TRUE(ops::embed_suits({{4, 2, 14}, {32, 2, 0}}));
  EXPECT_FALSE(ops::embed_suits({{2, 2, 2}, {4, 2, 0}}));  // too narrow to pay
  EXPECT_FALSE(ops::embed_suits({{4, 2, 1}, {16, 2, 0}})); // an offset of half a stride
  EXPECT_FALSE(ops::embed_suits({{3, 2, 0}, {16, 2, 0}})); // a kernel of one and a half
}

} // namespace
} // namespace rossby::test
