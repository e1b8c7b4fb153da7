#include "dropout_reference.hpp"

#include <rossby/ops/elementwise.hpp>
#include <support/adjoint_check.hpp>
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;
using ops::Activation;

double value_of(Activation kind, double x)
{
  switch (kind) {
  case Activation::gelu:
    return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  case Activation::silu:
    return x / (1 + std::exp(-x));
  case Activation::relu:
    return std::max(x, 0.0);
  case Activation::sigmoid:
    return 1 / (1 + std::exp(-x));
  }
  return 0;
}

TEST(Activation, PlainReference)
{
  Values points = random_values(40, 1);
  points.insert(points.end(), {0, -0.0, 1e-9, -1e-9, 6, -6, 30, -30, 200, -200});
  for (auto const kind : {Activation::gelu, Activation::silu, Activation::relu, Activation::sigmoid})
    for (DType const type : {DType::float64, DType::float32}) {
      Array const x = Array::from_host(Exec(), type, {10, 5}, points), y = unwritten(type, {10, 5});
      ops::activation_forward(Exec(), kind, x, y);
      auto const hx = x.to_host(Exec()), hy = y.to_host(Exec());
      for (std::size_t i = 0; i < hx.size(); ++i) {
        double const wanted = value_of(kind, hx[i]);
        EXPECT_NEAR(hy[i], wanted, round_off(type) * std::max(1.0, std::abs(wanted))) << "at " << hx[i];
      }
    }
}

TEST(Activation, Gradients)
{
  for (auto const kind : {Activation::gelu, Activation::silu, Activation::relu, Activation::sigmoid})
    check_gradients(
        {random_array(DType::float64, {30}, 1)},
        [&](Arrays const& in) {
          Array const y = unwritten(DType::float64, {30});
          ops::activation_forward(Exec(), kind, in[0], y);
          return y;
        },
        [&](Arrays const& in, Array const& dy) {
          Array const dx = unwritten(DType::float64, {30});
          ops::activation_backward(Exec(), kind, in[0], dy, dx);
          return Arrays{dx};
        });
}

TEST(Activation, SlopesStayFiniteFarOut)
{
  for (auto const kind : {Activation::gelu, Activation::silu, Activation::relu, Activation::sigmoid}) {
    Array const x = Array::from_host(Exec(), DType::float32, {4}, {-500, -90, 90, 500}),
                one = Array::zeros(Exec(), DType::float32, {4}), dx = unwritten(DType::float32, {4});
    one.fill(Exec(), 1);
    ops::activation_backward(Exec(), kind, x, one, dx);
    double const far = kind == Activation::sigmoid ? 0 : 1;
    expect_close(dx, {0, 0, far, far}, 1e-6);
  }
}

TEST(Elementwise, Sums)
{
  for (DType const type : {DType::float64, DType::float32}) {
    Array const a = Array::from_host(Exec(), type, {3}, {1, 2, 3}),
                b = Array::from_host(Exec(), type, {3}, {10, 20, 30}), c = unwritten(type, {3});
    ops::add(Exec(), a, b, c);
    EXPECT_EQ(c.to_host(Exec()), (Values{11, 22, 33}));
    ops::add(Exec(), c, b, c);
    EXPECT_EQ(c.to_host(Exec()), (Values{21, 42, 63}));
    ops::add_scaled(Exec(), -0.5, b, a);
    EXPECT_EQ(a.to_host(Exec()), (Values{-4, -8, -12}));
  }
  EXPECT_THROW(
      ops::add_scaled(Exec(), 1, Array::zeros(Exec(), DType::float64, {2}), Array::zeros(Exec(), DType::float64, {3})),
      std::logic_error);
}

TEST(Elementwise, CopyChannels)
{
  Array const from = Array::from_host(Exec(), DType::float32, {2, 3}, {1, 2, 3, 4, 5, 6}),
              to = Array::zeros(Exec(), DType::float32, {2, 4});
  ops::copy_channels(Exec(), from, 1, to, 2, 2);
  EXPECT_EQ(to.to_host(Exec()), (Values{0, 0, 2, 3, 0, 0, 5, 6}));
  EXPECT_THROW(ops::copy_channels(Exec(), from, 2, to, 0, 2), std::logic_error);
  EXPECT_THROW(ops::copy_channels(Exec(), from, 0, to, 3, 2), std::logic_error);
}

TEST(Dropout, DrawsAtGlobalNumbers)
{
  ops::DropoutKey const key{42, 1234};
  double const p = 0.3;
  std::vector<index_t> const numbers{8, 0, 5, 3};
  index_t const total = 9, first = 2, channels = 5;
  for (DType const type : {DType::float64, DType::float32}) {
    Array const x = random_array(type, {2, 4, channels}, 1), y = unwritten(type, {2, 4, channels});
    ops::dropout(Exec(), key, p, {IndexList(Exec(), numbers), total, first}, {0, x.extent(2)}, x, y);
    auto const hx = x.to_host(Exec());
    Values wanted;
    for (index_t b = 0; b < 2; ++b)
      for (index_t i = 0; i < 4; ++i)
        for (index_t c = 0; c < channels; ++c) {
          bool const kept = !is_dropped(key, p, (first + b) * total + numbers[at(i)], channels, c);
          wanted.push_back(kept ? hx[at((b * 4 + i) * channels + c)] / (1 - p) : 0);
        }
    expect_close(y, wanted);
  }
}

TEST(Dropout, IsTheSameOnAnyMeshAndKeepsTheMean)
{
  index_t const cells = 500, channels = 8;
  std::vector<index_t> all, even, odd;
  for (index_t i = 0; i < cells; ++i) {
    all.push_back(i);
    (i % 2 ? odd : even).push_back(i);
  }
  ops::DropoutKey const key{1, 2};
  Array const ones = Array::zeros(Exec(), DType::float64, {1, cells, channels}),
              y = unwritten(DType::float64, {1, cells, channels});
  ones.fill(Exec(), 1);
  ops::dropout(Exec(), key, 0.2, {IndexList(Exec(), all), cells, 0}, {0, ones.extent(2)}, ones, y);
  auto const whole = y.to_host(Exec());
  for (auto const& part : {even, odd}) {
    Array const x = ones.slice(0, {1, cells / 2, channels}), z = unwritten(DType::float64, {1, cells / 2, channels});
    ops::dropout(Exec(), key, 0.2, {IndexList(Exec(), part), cells, 0}, {0, x.extent(2)}, x, z);
    auto const h = z.to_host(Exec());
    for (std::size_t i = 0; i < part.size(); ++i)
      for (index_t c = 0; c < channels; ++c)
        EXPECT_EQ(h[i * at(channels) + at(c)], whole[at(part[i] * channels + c)]);
  }
  double mean = 0;
  for (double const v : whole)
    mean += v / static_cast<double>(whole.size());
  EXPECT_NEAR(mean, 1, 4 * std::sqrt(0.2 / 0.8 / static_cast<double>(whole.size())));
  // Another layer or step drops others.
  ops::dropout(Exec(), {1, 3}, 0.2, {IndexList(Exec(), all), cells, 0}, {0, ones.extent(2)}, ones, y);
  EXPECT_NE(y.to_host(Exec()), whole);
}

TEST(Dropout, IsItsOwnAdjoint)
{
  ops::GlobalNumbers const cells{IndexList(Exec(), {0, 1, 2}), 3, 0};
  Array const x = random_array(DType::float64, {2, 3, 7}, 1), y = random_array(DType::float64, {2, 3, 7}, 2),
              fx = unwritten(DType::float64, {2, 3, 7}), fy = unwritten(DType::float64, {2, 3, 7});
  ops::dropout(Exec(), {5, 6}, 0.5, cells, {0, x.extent(2)}, x, fx);
  ops::dropout(Exec(), {5, 6}, 0.5, cells, {0, y.extent(2)}, y, fy);
  EXPECT_LT(adjoint_defect(Communicator(), x, y, fx, fy), 1e-14);
  ops::dropout(Exec(), {5, 6}, 0, cells, {0, x.extent(2)}, x, fx);
  EXPECT_EQ(fx.to_host(Exec()), x.to_host(Exec()));
  Array const none = Array::empty(DType::float64, {2, 0, 7}); // an empty tile
  ops::dropout(Exec(), {5, 6}, 0.5, {IndexList(), 3, 0}, {0, none.extent(2)}, none, none);
}

} // namespace
} // namespace rossby
