#pragma once
/// \file
/// The scope around every call that may wait for other ranks: it feeds the counters and the watchdog.

#include <chrono>
#include <cstdint>
#include <string>

namespace rossby {

/// What is called.
struct CallSite {
  std::string group;
  char const* operation = "";
  int rank = 0, ranks = 1;
};

/// One call, from construction to destruction. Threads other than the one that communicates make none.
class Call {
public:
  enum class Part {
    all,  ///< a call of its own, or the start of one
    rest, ///< a turn of a started call, or the wait for it: adds time only
  };
  Call(CallSite const&, std::int64_t messages, std::size_t bytes, Part = Part::all);
  ~Call();
  Call(Call const&) = delete;
  Call& operator=(Call const&) = delete;

private:
  CallSite const& site_;
  std::int64_t messages_;
  std::size_t bytes_;
  Part part_;
  std::chrono::steady_clock::time_point begin_;
};

} // namespace rossby
