#include "interrupt.hpp"

#include <csignal>

namespace rossby {

namespace {
std::sig_atomic_t volatile requested = 0;

extern "C" void request(int signal)
{
  requested = 1;
  std::signal(signal, SIG_DFL);
}
} // namespace

bool interrupt_requested() { return requested != 0; }

InterruptGuard::InterruptGuard()
{
  requested = 0;
  std::signal(SIGTERM, request);
  std::signal(SIGUSR1, request);
}

InterruptGuard::~InterruptGuard()
{
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGUSR1, SIG_DFL);
}

} // namespace rossby
