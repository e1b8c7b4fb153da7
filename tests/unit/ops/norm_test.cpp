#include "core/moments.hpp"
#include "ops/norm.hpp"
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;

struct MeanVariance {
  double mean, variance;
};

/// Of x[offset + i * stride + j] for i < runs, j < width: width-long runs, `stride` apart.
MeanVariance statistics(Values const& x, index_t offset, index_t runs, index_t stride, index_t width)
{
  double mean = 0, variance = 0;
  auto const n = static_cast<double>(runs * width);
  for (int pass = 0; pass < 2; ++pass)
    for (index_t i = 0; i < runs; ++i)
      for (index_t j = 0; j < width; ++j) {
        double const e = x[at(offset + i * stride + j)];
        pass == 0 ? mean += e / n : variance += (e - mean) * (e - mean) / n;
      }
  return {mean, variance};
}

constexpr double eps = 1e-5;

Values channel_reference(Values const& x, Values const& gain, Values const& bias)
{
  index_t const channels = static_cast<index_t>(gain.size()), cells = static_cast<index_t>(x.size()) / channels;
  Values y;
  for (index_t i = 0; i < cells; ++i) {
    auto const s = statistics(x, i * channels, 1, 0, channels);
    for (index_t c = 0; c < channels; ++c)
      y.push_back((x[at(i * channels + c)] - s.mean) / std::sqrt(s.variance + eps) * gain[at(c)] + bias[at(c)]);
  }
  return y;
}

TEST(ChannelNorm, PlainReference)
{
  for (DType const type : {DType::float64, DType::float32})
    for (index_t const channels : {1, 3, 16, 45}) {
      Array const x = random_array(type, {2, 3, channels}, 1), gain = random_array(type, {channels}, 2),
                  bias = random_array(type, {channels}, 3), y = unwritten(type, {2, 3, channels});
      ops::channel_norm_forward(Exec(), x, gain, bias, eps, y);
      expect_close(y, channel_reference(x.to_host(Exec()), gain.to_host(Exec()), bias.to_host(Exec())));
    }
}

TEST(ChannelNorm, LargeMeansDoNotCancel)
{
  auto values = random_values(4 * 64, 1);
  for (double& v : values)
    v += 3000;
  Array const x = Array::from_host(Exec(), DType::float32, {4, 64}, values),
              gain = Array::zeros(Exec(), DType::float32, {64}), bias = Array::zeros(Exec(), DType::float32, {64}),
              y = unwritten(DType::float32, {4, 64});
  gain.fill(Exec(), 1);
  ops::channel_norm_forward(Exec(), x, gain, bias, eps, y);
  expect_close(y, channel_reference(x.to_host(Exec()), Values(64, 1.0), Values(64, 0.0)), 5e-4);
}

TEST(ChannelNorm, Gradients)
{
  for (index_t const channels : {1, 5, 20}) {
    SCOPED_TRACE(channels);
    check_gradients(
        {random_array(DType::float64, {4, channels}, 1), random_array(DType::float64, {channels}, 2),
         random_array(DType::float64, {channels}, 3)},
        [&](Arrays const& in) {
          Array const y = unwritten(DType::float64, {4, channels});
          ops::channel_norm_forward(Exec(), in[0], in[1], in[2], eps, y);
          return y;
        },
        [&](Arrays const& in, Array const& dy) {
          Array const dx = unwritten(DType::float64, {4, channels}), dgain = sum_begun(in[1]), dbias = sum_begun(in[2]);
          ops::channel_norm_backward(Exec(), in[0], in[1], eps, dy, dx, dgain, dbias);
          return Arrays{dx, added(dgain), added(dbias)};
        });
  }
}

TEST(ChannelNorm, EmptyGradientsAndTiles)
{
  Array const x = random_array(DType::float64, {3, 4}, 1), gain = random_array(DType::float64, {4}, 2),
              dy = random_array(DType::float64, {3, 4}, 3), dx = unwritten(DType::float64, {3, 4}),
              alone = unwritten(DType::float64, {3, 4}), dgain = Array::zeros(Exec(), DType::float64, {4}),
              gain_alone = Array::zeros(Exec(), DType::float64, {4});
  ops::channel_norm_backward(Exec(), x, gain, eps, dy, dx, dgain, Array());
  ops::channel_norm_backward(Exec(), x, gain, eps, dy, alone, Array(), Array());
  ops::channel_norm_backward(Exec(), x, gain, eps, dy, Array(), gain_alone, Array());
  EXPECT_EQ(dx.to_host(Exec()), alone.to_host(Exec()));
  EXPECT_EQ(dgain.to_host(Exec()), gain_alone.to_host(Exec()));
  Array const none = Array::empty(DType::float64, {0, 4});
  ops::channel_norm_forward(Exec(), none, gain, gain, eps, none);
  ops::channel_norm_backward(Exec(), none, gain, eps, none, none, gain_alone, Array());
  EXPECT_EQ(dgain.to_host(Exec()), gain_alone.to_host(Exec()));
}

TEST(Moments, MergeIsTheWhole)
{
  auto const x = random_values(31, 5);
  Moments merged;
  for (auto const& [begin, count] : {std::pair{0, 4}, {4, 0}, {4, 1}, {5, 26}}) {
    auto const s = statistics(x, begin, 1, 0, count);
    merged.merge({static_cast<double>(count), count ? s.mean : 0, s.variance * count});
  }
  auto const whole = statistics(x, 0, 1, 0, 31);
  EXPECT_EQ(merged.count, 31);
  EXPECT_NEAR(merged.mean, whole.mean, 1e-14);
  EXPECT_NEAR(merged.m2, whole.variance * 31, 1e-13);
  Moments none;
  none.merge({});
  EXPECT_EQ(none.count, 0);
}

TEST(GroupNorm, LocalMoments)
{
  for (DType const type : {DType::float64, DType::float32})
    for (index_t const groups : {1, 2, 6}) {
      index_t const cells = 7, channels = 6, width = channels / groups;
      Array const x = random_array(type, {2, cells, channels}, 1);
      auto const moments = ops::group_moments(Exec(), x, groups);
      ASSERT_EQ(moments.shape(), (Shape{2, groups, 3}));
      auto const h = x.to_host(Exec()), m = moments.to_host(Exec());
      for (index_t b = 0; b < 2; ++b)
        for (index_t g = 0; g < groups; ++g) {
          auto const s = statistics(h, b * cells * channels + g * width, cells, channels, width);
          std::size_t const i = at((b * groups + g) * 3);
          EXPECT_EQ(m[i], static_cast<double>(cells * width));
          EXPECT_NEAR(m[i + 1], s.mean, round_off(type));
          EXPECT_NEAR(m[i + 2], s.variance * m[i], 20 * round_off(type));
        }
    }
  auto const none = ops::group_moments(Exec(), Array::empty(DType::float32, {2, 0, 6}), 3);
  EXPECT_EQ(none.to_host(Exec()), Values(18, 0.0));
}

TEST(GroupNorm, StatisticsOfAllTiles)
{
  index_t const groups = 2, width = 3, channels = groups * width;
  auto const moments_of = [&](Array const& x) { return ops::group_moments(Exec(), x, groups).to_host(Exec()); };
  Array const x = random_array(DType::float64, {1, 7, channels}, 1);
  auto const none = moments_of(Array::empty(DType::float64, {1, 0, channels}));
  auto all = none; // a tile without cells, then two of the seven and the other five
  for (auto const& tile : {x.slice(0, {1, 2, channels}), x.slice(2 * channels, {1, 5, channels})})
    for (double const v : moments_of(tile))
      all.push_back(v);
  Array const mean = unwritten(DType::float64, {1, groups}), rstd = unwritten(DType::float64, {1, groups}),
              count = unwritten(DType::float64, {1, groups});
  ops::group_statistics(Exec(), Array::from_host(Exec(), DType::float64, {3, 1, groups, 3}, all), 1e-3, mean, rstd,
                        count);
  Values means, rstds;
  for (index_t g = 0; g < groups; ++g) {
    auto const s = statistics(x.to_host(Exec()), g * width, 7, channels, width);
    means.push_back(s.mean);
    rstds.push_back(1 / std::sqrt(s.variance + 1e-3));
  }
  expect_close(mean, means);
  expect_close(rstd, rstds);
  EXPECT_EQ(count.to_host(Exec()), Values(2, 21.0));
}

TEST(GroupNorm, PiecesAgainstPlainSums)
{
  index_t const batch = 2, cells = 5, channels = 6, groups = 2, width = 3;
  for (DType const type : {DType::float64, DType::float32}) {
    Shape const full{batch, cells, channels}, table{batch, groups};
    Array const x = random_array(type, full, 1), dy = random_array(type, full, 2), mean = random_array(type, table, 3),
                rstd = random_array(type, table, 4), gain = random_array(type, {channels}, 5),
                bias = random_array(type, {channels}, 6), means = random_array(DType::float64, {2, batch, groups}, 7);
    Array const y = unwritten(type, full), dx = unwritten(type, full), sum = unwritten(type, {batch, channels}),
                sum_xhat = unwritten(type, {batch, channels});
    ops::group_norm_apply(Exec(), x, mean, rstd, gain, bias, y);
    ops::group_norm_sums(Exec(), x, mean, rstd, dy, sum, sum_xhat);
    ops::group_norm_input_gradient(Exec(), x, mean, rstd, gain, dy, means, dx);
    auto const hx = x.to_host(Exec()), hdy = dy.to_host(Exec()), hm = mean.to_host(Exec()), hr = rstd.to_host(Exec()),
               hg = gain.to_host(Exec()), hb = bias.to_host(Exec()), h12 = means.to_host(Exec());
    Values y_wanted, dx_wanted, s1(at(batch * channels), 0.0), s2 = s1;
    for (index_t b = 0; b < batch; ++b)
      for (index_t i = 0; i < cells; ++i)
        for (index_t c = 0; c < channels; ++c) {
          std::size_t const e = at((b * cells + i) * channels + c), g = at(b * groups + c / width);
          double const xhat = (hx[e] - hm[g]) * hr[g];
          y_wanted.push_back(xhat * hg[at(c)] + hb[at(c)]);
          dx_wanted.push_back((hg[at(c)] * hdy[e] - h12[g] - xhat * h12[at(batch * groups) + g]) * hr[g]);
          s1[at(b * channels + c)] += hdy[e];
          s2[at(b * channels + c)] += hdy[e] * xhat;
        }
    expect_close(y, y_wanted);
    expect_close(dx, dx_wanted);
    expect_close(sum, s1);
    expect_close(sum_xhat, s2);

    Array const count = Array::empty(DType::float64, table), terms = unwritten(DType::float64, {2, batch, groups});
    count.fill(Exec(), 15);
    ops::group_norm_means(Exec(), gain, sum, sum_xhat, count, terms);
    Values terms_wanted(at(2 * batch * groups), 0.0);
    for (index_t b = 0; b < batch; ++b)
      for (index_t c = 0; c < channels; ++c) {
        std::size_t const g = at(b * groups + c / width), e = at(b * channels + c);
        terms_wanted[g] += hg[at(c)] * s1[e] / 15;
        terms_wanted[at(batch * groups) + g] += hg[at(c)] * s2[e] / 15;
      }
    auto const got = terms.to_host(Exec());
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], terms_wanted[i], round_off(type)) << i;
  }
}

} // namespace
} // namespace rossby
