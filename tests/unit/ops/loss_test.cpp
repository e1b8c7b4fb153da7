#include <rossby/ops/loss.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace {
using namespace rossby;
using ops::ErrorKind;

struct Case {
  index_t samples = 3, cells = 70, channels = 3, counted = 2;
  std::vector<double> p, t, cell, delta{1, 1, 0.7};
  ops::ErrorTerms terms;

  Case()
  {
    for (index_t i = 0; i < samples * cells * channels; ++i) {
      p.push_back(std::sin(0.37 * static_cast<double>(i)) * 2);
      t.push_back(std::cos(0.91 * static_cast<double>(i)));
    }
    for (index_t i = 0; i < cells; ++i)
      cell.push_back(1 + 0.01 * static_cast<double>(i % 7));
    terms = {Array::from_host(DType::float64, {cells}, cell),
             IndexList({static_cast<index_t>(ErrorKind::squared), static_cast<index_t>(ErrorKind::absolute),
                        static_cast<index_t>(ErrorKind::huber)}),
             Array::from_host(DType::float64, {channels}, delta)};
  }
  Array field(DType type, std::vector<double> const& v) const
  {
    return Array::from_host(type, {samples, 7, 10, channels}, v);
  }
  std::vector<double> reference() const
  {
    std::vector<double> sums(3, 0);
    for (index_t r = 0; r < counted * cells; ++r)
      for (std::size_t c = 0; c < 3; ++c) {
        std::size_t const i = static_cast<std::size_t>(r) * 3 + c;
        double const e = t[i] - p[i], a = std::fabs(e), d = delta[c];
        double const l = c == 0 ? e * e : c == 1 ? a : a <= d ? e * e / 2 : d * (a - d / 2);
        sums[c] += cell[static_cast<std::size_t>(r % cells)] * l;
      }
    return sums;
  }
  std::vector<double> device(DType type) const
  {
    Array const sums = Array::empty(DType::float64, {channels});
    ops::error_sums(Exec(), terms, field(type, p), field(type, t), counted, sums);
    return sums.to_host();
  }
};

TEST(ErrorSums, MatchAPlainLoopAndLeaveOutPadding)
{
  Case const k;
  auto const reference = k.reference(), f64 = k.device(DType::float64), f32 = k.device(DType::float32);
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(f64[c], reference[c], 1e-12 * reference[c]);
    EXPECT_NEAR(f32[c], reference[c], 1e-6 * reference[c]);
  }
}

TEST(ErrorSums, GradientMatchesFiniteDifferences)
{
  Case k;
  std::vector<double> const seed{1, -0.5, 2};
  Array const dsums = Array::from_host(DType::float64, {3}, seed);
  Array const g = Array::empty(DType::float64, {k.samples, 7, 10, k.channels});
  ops::error_sums_backward(Exec(), k.terms, k.field(DType::float64, k.p), k.field(DType::float64, k.t), k.counted,
                           dsums, g);
  auto const gradient = g.to_host();
  auto const value = [&] {
    auto const s = k.device(DType::float64);
    return seed[0] * s[0] + seed[1] * s[1] + seed[2] * s[2];
  };
  for (std::size_t i = 0; i < k.p.size(); i += 11) {
    double const h = 1e-6, keep = k.p[i];
    k.p[i] = keep + h;
    double const up = value();
    k.p[i] = keep - h;
    double const down = value();
    k.p[i] = keep;
    EXPECT_NEAR(gradient[i], (up - down) / (2 * h), 2e-7) << i;
  }
  EXPECT_EQ(gradient.back(), 0);
}

TEST(PairSums, MatchAPlainLoop)
{
  Case const k;
  Array const sums = Array::empty(DType::float64, {3, ops::pair_sum_count});
  ops::pair_sums(Exec(), k.terms.cell_weight, k.field(DType::float64, k.p), k.field(DType::float64, k.t), k.counted,
                 sums);
  auto const s = sums.to_host();
  for (std::size_t c = 0; c < 3; ++c) {
    double r[ops::pair_sum_count] = {};
    for (index_t row = 0; row < k.counted * k.cells; ++row) {
      std::size_t const i = static_cast<std::size_t>(row) * 3 + c;
      double const w = k.cell[static_cast<std::size_t>(row % k.cells)], p = k.p[i], t = k.t[i];
      double const terms[] = {p, t, p * p, t * t, p * t, p - t, (p - t) * (p - t), std::fabs(p - t)};
      for (int n = 0; n < ops::pair_sum_count; ++n)
        r[n] += w * terms[n];
    }
    for (int n = 0; n < ops::pair_sum_count; ++n)
      EXPECT_NEAR(s[c * ops::pair_sum_count + static_cast<std::size_t>(n)], r[n], 1e-11) << c << " " << n;
  }
}
} // namespace
