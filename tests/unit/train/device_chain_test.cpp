#include "train/device_chain.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace {
using namespace rossby;
using Kind = TransformStep::Kind;

TransformStep step(Kind kind)
{
  TransformStep s;
  s.kind = kind;
  return s;
}

// A tile of two rows and three columns in the middle of a 5 x 6 grid.
Box const tile{1, 3, 2, 5};
index_t const width = 6;

struct Chains {
  std::vector<TransformChain> by_channel;
  /// What each channel's chain means, by the global cell.
  std::vector<std::function<double(double, index_t)>> meaning;

  Chains()
  {
    TransformStep affine = step(Kind::affine);
    affine.scale = 3, affine.offset = -1;
    TransformStep by_cell = step(Kind::affine);
    for (int i = 0; i < 30; ++i)
      by_cell.cell_scale.push_back(1 + 0.1 * i), by_cell.cell_offset.push_back(i);
    TransformStep log = step(Kind::log), exp = step(Kind::exp);
    log.base = exp.base = 10;
    log.eps = exp.eps = 1e-3;
    TransformStep clamp = step(Kind::clamp);
    clamp.low = 0.2, clamp.high = 0.9;
    TransformStep fill = step(Kind::fill);
    fill.rules = {{FillRule::Op::less, 0.4, 7}, {FillRule::Op::greater_equal, 0.8, 5}, {FillRule::Op::less, 0.1, 6}};
    by_channel = {
        {}, {affine, by_cell}, {log}, {affine, exp, step(Kind::square)}, {step(Kind::sqrt), clamp}, {fill, affine}};
    meaning = {[](double x, index_t) { return x; },
               [](double x, index_t cell) {
                 double const i = static_cast<double>(cell);
                 return (1 + 0.1 * i) * (3 * x - 1) + i;
               },
               [](double x, index_t) { return std::log10(x + 1e-3) + 3; },
               [](double x, index_t) { return std::pow(std::pow(10, 3 * x - 1 - 3) - 1e-3, 2); },
               [](double x, index_t) { return std::min(0.9, std::max(0.2, std::sqrt(x))); },
               [](double x, index_t) {
                 return 3 * (x < 0.1 ? 6 : x >= 0.8 ? 5 : x < 0.4 ? 7 : x) - 1;
               }};
  }
};

std::vector<double> values(int n)
{
  std::vector<double> v;
  for (int i = 0; i < n; ++i)
    v.push_back(0.03 + 0.93 * std::fabs(std::sin(1.7 * i)));
  return v;
}

TEST(DeviceChains, ComputeEveryStepForEveryCell)
{
  Chains const k;
  DeviceChains const chains(k.by_channel, tile, width);
  EXPECT_EQ(chains.channels(), 6);
  EXPECT_FALSE(chains.identity());
  auto const x = values(2 * 6 * 6);
  for (DType const type : {DType::float64, DType::float32}) {
    Array const y = Array::empty(type, {2, 2, 3, 6});
    chains.apply(Exec(), Array::from_host(Exec(), type, {2, 2, 3, 6}, x), y);
    auto const result = y.to_host(Exec());
    for (std::size_t i = 0; i < x.size(); ++i) {
      index_t const cell = static_cast<index_t>(i / 6 % 6);
      double const expected = k.meaning[i % 6](x[i], (tile.row0 + cell / 3) * width + tile.col0 + cell % 3);
      EXPECT_NEAR(result[i], expected, (type == DType::float64 ? 1e-12 : 3e-6) * std::max(1.0, std::fabs(expected)))
          << i;
    }
  }
}

TEST(DeviceChains, GradientMatchesFiniteDifferences)
{
  Chains const k;
  DeviceChains const chains(k.by_channel, tile, width);
  auto x = values(36);
  Context context;
  Tape tape;
  context.tape = &tape;
  Var const input(Array::from_host(Exec(), DType::float64, {1, 2, 3, 6}, x), true);
  Var const y = chains(context, input);
  std::vector<double> seed;
  for (int i = 0; i < 36; ++i)
    seed.push_back(std::cos(i));
  tape.backward(Exec(), y, Array::from_host(Exec(), DType::float64, {1, 2, 3, 6}, seed));
  auto const gradient = input.grad().to_host(Exec());
  auto const run = [&](std::size_t i, double at) {
    auto moved = x;
    moved[i] = at;
    Array const out = Array::empty(DType::float64, {1, 2, 3, 6});
    chains.apply(Exec(), Array::from_host(Exec(), DType::float64, {1, 2, 3, 6}, moved), out);
    return out.to_host(Exec())[i];
  };
  for (std::size_t i = 0; i < 36; ++i) {
    double const h = 1e-6, slope = (run(i, x[i] + h) - run(i, x[i] - h)) / (2 * h) * seed[i];
    EXPECT_NEAR(gradient[i], slope, 1e-6 * std::max(1.0, std::fabs(slope))) << i;
  }
}

TEST(DeviceChains, NothingToDoHandsTheFieldThrough)
{
  DeviceChains const chains(std::vector<TransformChain>(3), tile, width);
  EXPECT_TRUE(chains.identity());
  Context context;
  Var const x(Array::zeros(Exec(), DType::float32, {1, 2, 3, 3}), true);
  EXPECT_EQ(chains(context, x).value().data(), x.value().data());
}
} // namespace
