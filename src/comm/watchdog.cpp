#include "watchdog.hpp"

#include <rossby/comm/runtime.hpp>
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace rossby {

namespace {
constexpr char variable[] = "ROSSBY_COMM_TIMEOUT";
/// Half an hour: longer than any rank reads, writes or computes while others wait.
constexpr double default_limit = 1800;

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// The calls under way of all threads, and the thread that looks at them.
class Watch {
public:
  Watch(double limit, Watchdog::Action action) : limit_(limit), action_(std::move(action)), thread_([this] { watch(); })
  {
  }
  ~Watch()
  {
    {
      std::lock_guard<std::mutex> const lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  std::uint64_t add(CallSite const& site, std::size_t bytes, std::shared_ptr<DeviceTransport::Ticket const> ticket)
  {
    std::lock_guard<std::mutex> const lock(mutex_);
    calls_.push_back({++last_, site, bytes, 0, std::move(ticket)});
    return last_;
  }
  void remove(std::uint64_t number)
  {
    std::lock_guard<std::mutex> const lock(mutex_);
    // The latest calls end first.
    auto const found = std::find_if(calls_.rbegin(), calls_.rend(), [&](auto const& c) { return c.number == number; });
    if (found != calls_.rend())
      calls_.erase(std::next(found).base());
  }

private:
  struct Waiting {
    std::uint64_t number;
    CallSite site;
    std::size_t bytes;
    double waited;                                         ///< seconds
    std::shared_ptr<DeviceTransport::Ticket const> ticket; ///< null: until it is removed
    bool told = false;
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
      calls_.remove_if([](Waiting const& w) { return w.ticket && w.ticket->done(); });
      std::vector<std::string> messages;
      for (auto& call : calls_)
        if ((call.waited += passed) > limit_ && !std::exchange(call.told, true))
          messages.push_back(message(call));
      lock.unlock(); // the action may end the calls
      for (auto const& text : messages)
        action_(text);
      lock.lock();
    }
  }

  static std::string message(Waiting const& w)
  {
    return fmt::format(
        "error: rank {} of {} of group '{}' has waited {:.1f} s in '{}' ({} bytes of its own): some rank never came, "
        "or "
        "left\n  fix: look for a rank that says something else or nothing; if all are only slow, raise {} (seconds; 0: "
        "no limit)\n",
        w.site.rank, w.site.ranks, w.site.group, w.waited, w.site.operation, w.bytes, variable);
  }

  double limit_;
  Watchdog::Action action_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::uint64_t last_ = 0;
  std::list<Waiting> calls_;
  std::thread thread_; // last: it uses the others
};

std::unique_ptr<Watch>& active()
{
  // Never destroyed: std::exit may be called while the thread runs.
  static auto* const watch = new std::unique_ptr<Watch>();
  return *watch;
}
} // namespace

Watchdog::Watchdog(double seconds, Action action)
{
  ROSSBY_EXPECT(!active());
  if (seconds > 0)
    active() = std::make_unique<Watch>(seconds, std::move(action));
}

Watchdog::~Watchdog() { active().reset(); }

double Watchdog::seconds_from_environment()
{
  char const* const text = std::getenv(variable);
  if (!text || !*text)
    return default_limit;
  char* end = nullptr;
  double const seconds = std::strtod(text, &end);
  if (*end != '\0' || !std::isfinite(seconds) || seconds < 0)
    fail(variable, fmt::format("'{}' is not a number of seconds", text), "give a number, or 0 for no limit");
  return seconds;
}

namespace watchdog {

std::uint64_t enter(CallSite const& site, std::size_t bytes)
{
  auto const& w = active();
  return w ? w->add(site, bytes, nullptr) : 0;
}

void leave(std::uint64_t number)
{
  if (auto const& w = active(); w && number > 0)
    w->remove(number);
}

void follow(CallSite const& site, std::size_t bytes, std::shared_ptr<DeviceTransport::Ticket const> ticket)
{
  if (auto const& w = active())
    w->add(site, bytes, std::move(ticket));
}

} // namespace watchdog
} // namespace rossby
