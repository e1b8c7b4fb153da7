#include "ops/loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace {
using namespace rossby;
using ops::ErrorKind;

/// As in the reference's formulas.
double plain(ErrorKind kind, double delta, double p, double t)
{
  double const d = t - p, a = std::fabs(d);
  switch (kind) {
  case ErrorKind::mse:
    return d * d;
  case ErrorKind::mae:
    return a;
  case ErrorKind::huber:
    return a <= delta ? d * d / 2 : delta * (a - delta / 2);
  case ErrorKind::msle:
    return std::pow(std::log(std::fabs(p) + 1) - std::log(std::fabs(t) + 1), 2);
  case ErrorKind::logcosh:
    return std::log(std::cosh(d + 1e-12));
  case ErrorKind::xtanh:
    return (d + 1e-12) * std::tanh(d + 1e-12);
  case ErrorKind::xsigmoid:
    return 2 * d / (1 + std::exp(-d)) - d;
  }
  return std::nan("");
}

std::vector<ErrorKind> const kinds{ErrorKind::mse,     ErrorKind::mae,   ErrorKind::huber,   ErrorKind::msle,
                                   ErrorKind::logcosh, ErrorKind::xtanh, ErrorKind::xsigmoid};

struct Case {
  index_t samples = 3, cells = 70, channels = static_cast<index_t>(kinds.size()), counted = 2;
  std::vector<double> p, t, cell, delta = std::vector<double>(kinds.size(), 0.7);
  ops::ErrorTerms terms;

  Case()
  {
    for (index_t i = 0; i < samples * cells * channels; ++i) {
      p.push_back(std::sin(0.37 * static_cast<double>(i)) * 2);
      t.push_back(std::cos(0.91 * static_cast<double>(i)));
    }
    for (index_t i = 0; i < cells; ++i)
      cell.push_back(1 + 0.01 * static_cast<double>(i % 7));
    std::vector<index_t> numbers;
    for (auto const kind : kinds)
      numbers.push_back(static_cast<index_t>(kind));
    terms = {Array::from_host(Exec(), DType::float64, {cells}, cell), IndexList(Exec(), numbers),
             Array::from_host(Exec(), DType::float64, {channels}, delta)};
  }
  Array field(DType type, std::vector<double> const& v) const
  {
    return Array::from_host(Exec(), type, {samples, 7, 10, channels}, v);
  }
  std::vector<double> reference() const
  {
    std::vector<double> sums(kinds.size(), 0);
    for (index_t r = 0; r < counted * cells; ++r)
      for (std::size_t c = 0; c < kinds.size(); ++c) {
        std::size_t const i = static_cast<std::size_t>(r) * kinds.size() + c;
        sums[c] += cell[static_cast<std::size_t>(r % cells)] * plain(kinds[c], delta[c], p[i], t[i]);
      }
    return sums;
  }
  std::vector<double> device(DType type) const
  {
    Array const sums = Array::empty(DType::float64, {channels});
    ops::error_sums(Exec(), terms, field(type, p), field(type, t), counted, sums);
    return sums.to_host(Exec());
  }
};

TEST(ErrorSums, MatchAPlainLoopAndLeaveOutPadding)
{
  Case const k;
  auto const reference = k.reference(), f64 = k.device(DType::float64), f32 = k.device(DType::float32);
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    EXPECT_NEAR(f64[c], reference[c], 1e-12 * reference[c]);
    EXPECT_NEAR(f32[c], reference[c], 1e-6 * reference[c]);
  }
}

TEST(ErrorSums, GradientMatchesFiniteDifferences)
{
  Case k;
  std::vector<double> const seed{1, -0.5, 2, 1.5, -1, 0.7, 3};
  Array const dsums = Array::from_host(Exec(), DType::float64, {k.channels}, seed);
  Array const g = Array::empty(DType::float64, {k.samples, 7, 10, k.channels});
  ops::error_sums_backward(Exec(), k.terms, k.field(DType::float64, k.p), k.field(DType::float64, k.t), k.counted,
                           dsums, g);
  auto const gradient = g.to_host(Exec());
  auto const value = [&] {
    auto const s = k.device(DType::float64);
    return std::inner_product(seed.begin(), seed.end(), s.begin(), 0.0);
  };
  for (std::size_t i = 0; i < k.p.size(); i += 9) {
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

TEST(ErrorSums, LargeAndSmallDifferencesKeepTheirDigits)
{
  Array const one = Array::from_host(Exec(), DType::float64, {1}, {1.0});
  auto const value = [&](ErrorKind kind, DType type, double d) {
    Array const p = Array::from_host(Exec(), type, {1, 1}, {0.0}), t = Array::from_host(Exec(), type, {1, 1}, {d});
    Array const sum = Array::empty(DType::float64, {1});
    ops::error_sums(Exec(), {one, IndexList(Exec(), {static_cast<index_t>(kind)}), one}, p, t, 1, sum);
    return sum.to_host(Exec())[0];
  };
  EXPECT_NEAR(value(ErrorKind::logcosh, DType::float32, 500), 500 - std::log(2.0), 1e-4); // cosh(500) overflows
  EXPECT_NEAR(value(ErrorKind::xsigmoid, DType::float32, -500), 500, 1e-4);
  EXPECT_NEAR(value(ErrorKind::xtanh, DType::float32, 1e-3), 1e-6, 1e-12);
  EXPECT_TRUE(std::isnan(value(static_cast<ErrorKind>(99), DType::float64, 1))); // no kind stands in for another
}

TEST(PairSums, MatchAPlainLoop)
{
  Case const k;
  Array const sums = Array::empty(DType::float64, {k.channels, ops::pair_sum_count});
  ops::pair_sums(Exec(), k.terms.cell_weight, k.field(DType::float64, k.p), k.field(DType::float64, k.t), k.counted,
                 sums);
  auto const s = sums.to_host(Exec());
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    double r[ops::pair_sum_count] = {};
    for (index_t row = 0; row < k.counted * k.cells; ++row) {
      std::size_t const i = static_cast<std::size_t>(row) * kinds.size() + c;
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
