#pragma once
/// \file
/// The scope around every call that may wait for other ranks: it feeds the counters and the watchdog.

#include <rossby/comm/counters.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace rossby {

/// What the groups that come from one communicator have cost.
struct Counts {
  struct ByText {
    using is_transparent = void; // a look-up makes no strings
    template <class A, class B> bool operator()(A const& a, B const& b) const
    {
      std::string_view const group_a = a.first, group_b = b.first;
      return group_a != group_b ? group_a < group_b : std::string_view(a.second) < std::string_view(b.second);
    }
  };
  CommCosts all();
  void reset();

  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, CommCost, ByText> costs;
};

/// What is called.
struct CallSite {
  std::string group;
  char const* operation = "";
  int rank = 0, ranks = 1;
  std::shared_ptr<Counts> counts{};
};

/// One call, from construction to destruction.
class Call {
public:
  enum class Part {
    all,  ///< a call of its own, or the start of one
    rest, ///< a turn of a started call, or the wait for it: adds time only
  };
  Call(CallSite, std::int64_t messages, std::size_t bytes, Part = Part::all);
  ~Call();
  Call(Call const&) = delete;
  Call& operator=(Call const&) = delete;

private:
  CallSite site_;
  std::int64_t messages_;
  std::size_t bytes_;
  Part part_;
  std::uint64_t watched_ = 0; ///< the watchdog's number of it
  std::chrono::steady_clock::time_point begin_;
};

} // namespace rossby
