#include "data/transform.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace rossby {
namespace {

using Kind = TransformStep::Kind;

TransformStep affine(double scale, double offset)
{
  TransformStep s;
  s.scale = scale, s.offset = offset;
  return s;
}

TransformStep of(Kind kind)
{
  TransformStep s;
  s.kind = kind;
  return s;
}

TEST(Transform, StepsFollowTheirFormulas)
{
  TransformStep log10 = of(Kind::log);
  log10.base = 10, log10.eps = 1e-3;
  EXPECT_NEAR(apply({log10}, 0.999, 0), 3, 1e-12);
  EXPECT_NEAR(apply({log10}, 0, 0), 0, 1e-12);
  EXPECT_EQ(apply({of(Kind::sqrt), affine(2, 1)}, 9, 0), 7);

  TransformStep clamp = of(Kind::clamp);
  clamp.low = 0;
  EXPECT_EQ(apply({clamp}, -2, 0), 0);
  EXPECT_EQ(apply({clamp}, 1e9, 0), 1e9);

  TransformStep cells;
  cells.cell_scale = {1, 2}, cells.cell_offset = {0, 10};
  EXPECT_EQ(apply({cells}, 3, 1), 16);
}

TEST(Transform, FillRulesTestTheOriginalAndTheLastWins)
{
  TransformStep fill = of(Kind::fill);
  fill.rules = {{FillRule::Op::equal, std::nan(""), -5}, {FillRule::Op::less, 0, 7}, {FillRule::Op::less_equal, -1, 8}};
  EXPECT_EQ(apply({fill}, std::nan(""), 0), -5) << "the filled value is not tested again";
  EXPECT_EQ(apply({fill}, -0.5, 0), 7);
  EXPECT_EQ(apply({fill}, -1, 0), 8);
  EXPECT_EQ(apply({fill}, 3, 0), 3);
}

TEST(Transform, InverseUndoes)
{
  TransformStep cells;
  cells.cell_scale = {4, 2}, cells.cell_offset = {-1, 10};
  TransformChain const chain{of(Kind::sqrt), affine(3, -2), of(Kind::log), cells};
  auto const back = inverse(chain);
  for (double const x : {0.5, 1.0, 123.0})
    for (index_t const cell : {0, 1})
      EXPECT_NEAR(apply(back, apply(chain, x, cell), cell), x, 1e-9 * x);
}

TEST(Transform, SimplifyJoinsAffineStepsAndDropsWhatCancels)
{
  auto const joined = simplify({affine(2, 3), affine(5, 7)});
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].scale, 10);
  EXPECT_EQ(joined[0].offset, 22);

  TransformChain const chain{of(Kind::log), affine(1 / 3.7, -280.1 / 3.7)};
  TransformChain both = chain;
  auto const back = inverse(chain);
  both.insert(both.end(), back.begin(), back.end());
  EXPECT_TRUE(simplify(both).empty());

  TransformStep cells;
  cells.cell_scale = {1 / 4.1, 1 / 2.3}, cells.cell_offset = {-1, 10};
  both = {cells};
  both.push_back(inverse({cells})[0]);
  EXPECT_TRUE(simplify(both).empty());
  EXPECT_EQ(simplify({of(Kind::clamp), affine(1, 0), of(Kind::sqrt)}).size(), 2u);
}

TEST(Transform, BoxesUseGlobalCells)
{
  TransformStep cells;
  for (int i = 0; i < 12; ++i)
    cells.cell_scale.push_back(0), cells.cell_offset.push_back(i);
  std::vector<double> values(4, 99);
  apply({cells}, values.data(), Box{1, 3, 2, 4}, 4);
  EXPECT_EQ(values, (std::vector<double>{6, 7, 10, 11}));
}

} // namespace
} // namespace rossby
