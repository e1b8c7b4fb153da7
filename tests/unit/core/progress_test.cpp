#include "core/progress.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rossby {
namespace {

struct Fake {
  double time = 100;
  std::vector<std::string> drawn, reported;
  Progress::Surroundings surroundings(bool terminal)
  {
    return {terminal, [this] { return time; }, [this](std::string const& s) { drawn.push_back(s); },
            [this](std::string const& s) { reported.push_back(s); }};
  }
};

TEST(Progress, BarOnATerminal)
{
  Fake fake;
  Progress progress("epoch 1/2", 4, fake.surroundings(true));
  fake.time += 2;
  progress.step(8, 0.5);
  ASSERT_EQ(fake.drawn.size(), 2u);
  EXPECT_EQ(fake.drawn[1], "epoch 1/2  [#####...............]  1/4  loss 0.5  4 samples/s  0:06 left");
  fake.time += 0.01;
  progress.step(8, 0.4); // too soon to draw again
  EXPECT_EQ(fake.drawn.size(), 2u);
  progress.finish("train_loss 0.45");
  EXPECT_EQ(fake.drawn.back(), "");
  EXPECT_EQ(fake.reported, std::vector<std::string>{"epoch 1/2  2 steps  0:02  7.96 samples/s  train_loss 0.45"});
}

TEST(Progress, QuietElsewhere)
{
  Fake fake;
  {
    Progress progress("epoch 1/2", 0, fake.surroundings(false));
    fake.time += 1;
    progress.step(1);
    progress.finish();
    progress.finish(); // once only
  }
  EXPECT_TRUE(fake.drawn.empty());
  EXPECT_EQ(fake.reported.size(), 1u);
}

TEST(Progress, CleansUpWhenAbandoned)
{
  Fake fake;
  {
    Progress progress("x", 3, fake.surroundings(true));
  }
  EXPECT_EQ(fake.drawn.back(), "");
  EXPECT_TRUE(fake.reported.empty());
}

TEST(Progress, Clock)
{
  EXPECT_EQ(format_clock(7.4), "0:07");
  EXPECT_EQ(format_clock(59.6), "1:00");
  EXPECT_EQ(format_clock(3600 * 3 + 5 * 60 + 9), "3:05:09");
  EXPECT_EQ(format_clock(-1), "0:00");
}

} // namespace
} // namespace rossby
