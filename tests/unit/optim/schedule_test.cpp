#include "optim/schedule.hpp"
#include <rossby/core/error.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace {
using namespace rossby;
using Kind = ScheduleConfig::Kind;
double const pi = std::acos(-1.0);

/// Rates of `n` steps; interrupts the run in the middle by state() and restore().
std::vector<double> rates(ScheduleConfig const& config, double base, int n,
                          std::function<void(Schedule&, int)> const& advance)
{
  std::vector<double> result;
  auto schedule = make_schedule(config, base);
  for (int i = 0; i < n; ++i) {
    result.push_back(schedule->rate());
    advance(*schedule, i);
    if (i == n / 2) {
      auto const state = schedule->state();
      schedule = make_schedule(config, base);
      schedule->restore(state);
    }
  }
  return result;
}

void per_batch(Schedule& s, int) { s.after_batch(); }
void per_epoch(Schedule& s, int) { s.after_epoch(1.0); }

TEST(Schedule, CosineAnnealingFollowsItsFormulaAndRisesAgain)
{
  ScheduleConfig c;
  c.kind = Kind::cosine_annealing;
  c.t_max = 10;
  c.eta_min = 0.1;
  auto const r = rates(c, 1.1, 21, per_epoch);
  for (int e = 0; e <= 20; ++e)
    EXPECT_NEAR(r[static_cast<std::size_t>(e)], 0.1 + 0.5 * (1 + std::cos(pi * e / 10)), 1e-15);
}

TEST(Schedule, WarmupStartsAtZeroAndEndsAtTheMinimum)
{
  ScheduleConfig c;
  c.kind = Kind::linear_warmup_cosine;
  c.warmup_steps = 4;
  c.total_steps = 12;
  c.min_lr = 0.01;
  auto const r = rates(c, 1, 16, per_batch);
  EXPECT_EQ(r[0], 0);
  EXPECT_DOUBLE_EQ(r[1], 0.25);
  EXPECT_DOUBLE_EQ(r[4], 1);
  EXPECT_NEAR(r[8], 0.01 + 0.99 * 0.5, 1e-15);
  EXPECT_DOUBLE_EQ(r[12], 0.01);
  EXPECT_DOUBLE_EQ(r[15], 0.01);
}

TEST(Schedule, RestartsGrowAndDecay)
{
  ScheduleConfig c;
  c.kind = Kind::cosine_annealing_restarts;
  c.first_cycle_steps = 6;
  c.cycle_mult = 2;
  c.warmup_steps = 2;
  c.max_lr = 1;
  c.min_lr = 0.2;
  c.gamma = 0.5;
  auto const r = rates(c, 99, 18, per_batch);
  // First cycle: 6 steps with peak 1; second: (6 - 2) * 2 + 2 = 10 steps with peak 0.5.
  std::vector<double> const first{
      0.2, 0.6, 1.0, 0.2 + 0.4 * (1 + std::cos(pi / 4)), 0.6, 0.2 + 0.4 * (1 + std::cos(3 * pi / 4))};
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_NEAR(r[i], first[i], 1e-14) << i;
  EXPECT_NEAR(r[6], 0.2, 1e-14);
  EXPECT_NEAR(r[7], 0.35, 1e-14);
  EXPECT_NEAR(r[8], 0.5, 1e-14);
  EXPECT_NEAR(r[12], 0.35, 1e-14);
  EXPECT_NEAR(r[16], 0.2, 1e-14);
  EXPECT_NEAR(r[17], 0.2 + 0.05 / 2, 1e-14);
}

TEST(Schedule, PlateauWaitsThenReduces)
{
  ScheduleConfig c;
  c.kind = Kind::plateau;
  c.patience = 1;
  c.cooldown = 1;
  c.factor = 0.5;
  c.min_lr = 0.2;
  // Improves, stays (1 bad), stays (2 bad: reduce, cool down), stays (cooling), 1 bad, 2 bad: reduce to the minimum.
  std::vector<double> const metric{5, 5, 4.9999, 5, 5, 5, 5, 5};
  auto const r = rates(c, 0.8, 8, [&](Schedule& s, int i) { s.after_epoch(metric[static_cast<std::size_t>(i)]); });
  EXPECT_EQ(r, (std::vector<double>{0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2}));

  c.minimize = false;
  auto const rising = rates(c, 0.8, 5, [](Schedule& s, int i) { s.after_epoch(i); });
  EXPECT_EQ(rising, std::vector<double>(5, 0.8));
}

TEST(Schedule, LambdaIsSteppedTwiceAnEpochAsInCredit)
{
  ScheduleConfig c;
  c.kind = Kind::lambda;
  auto const r = rates(c, 2, 6, per_epoch);
  EXPECT_NEAR(r[0], 0.2, 1e-15);
  EXPECT_NEAR(r[4], 1.8, 1e-15);
  EXPECT_NEAR(r[5], 1 + std::cos(pi / 90), 1e-15);
}

TEST(Schedule, NamesAreChecked)
{
  EXPECT_EQ(ScheduleConfig::parse_kind("plateau", "k"), Kind::plateau);
  EXPECT_THROW(ScheduleConfig::parse_kind("cosin", "trainer.scheduler.scheduler_type"), Error);
}
} // namespace
