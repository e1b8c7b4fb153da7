#include <rossby/core/interrupt.hpp>

#include <csignal>
#include <signal.h>

namespace rossby {

namespace {
std::sig_atomic_t volatile seen = 0; // signals so far

extern "C" void count_signal(int) { seen = seen + 1; }

constexpr int caught[] = {SIGTERM, SIGUSR1};
} // namespace

struct InterruptGuard::Handlers {
  struct sigaction of[2];
};

InterruptGuard::InterruptGuard() : seen_before_(seen), before_(new Handlers())
{
  struct sigaction action = {};
  action.sa_handler = count_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 2; ++i)
    sigaction(caught[i], &action, &before_->of[i]);
}

InterruptGuard::~InterruptGuard()
{
  for (int i = 0; i < 2; ++i)
    sigaction(caught[i], &before_->of[i], nullptr);
  delete before_;
}

bool InterruptGuard::requested() const { return seen != seen_before_; }

} // namespace rossby
