#include <rossby/core/interrupt.hpp>

#include <gtest/gtest.h>

#include <csignal>

namespace rossby {
namespace {

int host_calls = 0;
extern "C" void host_handler(int) { ++host_calls; }

TEST(Interrupt, SignalsAreNoticedAndHandlersComeBack)
{
  auto const original = std::signal(SIGTERM, host_handler);
  {
    InterruptGuard const guard;
    EXPECT_FALSE(guard.requested());
    std::raise(SIGTERM);
    EXPECT_TRUE(guard.requested());
    EXPECT_EQ(host_calls, 0);
    InterruptGuard const later; // of a second run: what came before is not meant for it
    EXPECT_FALSE(later.requested());
    std::raise(SIGUSR1);
    EXPECT_TRUE(later.requested());
    EXPECT_TRUE(guard.requested());
  }
  std::raise(SIGTERM);
  EXPECT_EQ(host_calls, 1);
  EXPECT_EQ(std::signal(SIGTERM, original), host_handler);
}

TEST(Interrupt, TheSecondSignalEndsTheProgram)
{
  EXPECT_EXIT(
      {
        InterruptGuard const guard;
        std::raise(SIGTERM);
        std::raise(SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

} // namespace
} // namespace rossby
