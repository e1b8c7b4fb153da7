#include "watchdog.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace rossby::watchdog {

namespace {
constexpr char variable[] = "ROSSBY_COMM_TIMEOUT";
/// Half an hour: longer than any rank reads, writes or computes while others wait.
constexpr double default_limit = 1800;

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

class Watchdog {
public:
  explicit Watchdog(double limit) : limit_(limit), thread_([this] { watch(); }) {}
  ~Watchdog()
  {
    {
      std::lock_guard<std::mutex> const lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void enter(CallSite const& site, std::size_t bytes)
  {
    std::lock_guard<std::mutex> const lock(mutex_);
    site_ = &site;
    bytes_ = bytes;
    waited_ = 0;
  }
  void leave()
  {
    std::lock_guard<std::mutex> const lock(mutex_);
    site_ = nullptr;
  }
  void follow(CallSite const& site, std::size_t bytes, std::shared_ptr<DeviceTransport::Ticket const> ticket)
  {
    std::lock_guard<std::mutex> const lock(mutex_);
    followed_.push_back({site, bytes, 0, std::move(ticket)});
  }

private:
  struct Followed {
    CallSite site;
    std::size_t bytes;
    double waited;
    std::shared_ptr<DeviceTransport::Ticket const> ticket;
  };

  void watch()
  {
    double const step = std::clamp(limit_ / 10, 0.01, 1.0);
    std::unique_lock<std::mutex> lock(mutex_);
    for (auto last = Clock::now(); !changed_.wait_for(lock, Seconds(step), [&] { return stopped_; });) {
      auto const now = Clock::now();
      // A longer step is no waiting: the process was stopped, and the others perhaps with it (a suspended job).
      double const passed = std::min(Seconds(now - last).count(), 2 * step);
      last = now;
      waited_ += passed;
      if (site_ && waited_ > limit_)
        give_up(*site_, bytes_, waited_);
      followed_.remove_if([](Followed const& f) { return f.ticket->done(); });
      for (auto& f : followed_)
        if ((f.waited += passed) > limit_)
          give_up(f.site, f.bytes, f.waited);
    }
  }

  [[noreturn]] void give_up(CallSite const& site, std::size_t bytes, double waited) const
  {
    auto const text = fmt::format(
        "error: rank {} of {} of group '{}' has waited {:.1f} s in '{}' ({} bytes of its own): some rank never came, "
        "or "
        "left\n  fix: look for a rank that says something else or nothing; if all are only slow, raise {} (seconds; 0: "
        "no limit)\n",
        site.rank, site.ranks, site.group, waited, site.operation, bytes, variable);
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
    std::this_thread::sleep_for(Seconds(std::clamp(limit_ / 10, 0.5, 10.0)));
    std::_Exit(1);
  }

  double limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  CallSite const* site_ = nullptr; // the call that this rank is in
  std::size_t bytes_ = 0;
  double waited_ = 0; // seconds in that call
  std::list<Followed> followed_;
  std::thread thread_; // last: it uses the others
};

std::unique_ptr<Watchdog>& active()
{
  // Never destroyed: std::exit may be called while the thread runs.
  static auto* const watchdog = new std::unique_ptr<Watchdog>();
  return *watchdog;
}
} // namespace

double limit_from_environment()
{
  char const* const text = std::getenv(variable);
  if (!text || !*text)
    return default_limit;
  char* end = nullptr;
  double const seconds = std::strtod(text, &end);
  if (*end != '\0' || !std::isfinite(seconds) || seconds < 0)
    fail(variable, fmt::format("'{}' is no number of seconds", text), "give a number, or 0 for no limit");
  return seconds;
}

void start(double limit)
{
  if (limit > 0)
    active() = std::make_unique<Watchdog>(limit);
}

void stop() { active().reset(); }

void enter(CallSite const& site, std::size_t bytes)
{
  if (auto const& w = active())
    w->enter(site, bytes);
}

void follow(CallSite const& site, std::size_t bytes, std::shared_ptr<DeviceTransport::Ticket const> ticket)
{
  if (auto const& w = active())
    w->follow(site, bytes, std::move(ticket));
}

void leave()
{
  if (auto const& w = active())
    w->leave();
}

} // namespace rossby::watchdog
