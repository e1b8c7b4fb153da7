#pragma once
/// \file
/// Private to src/io: what will be read next, by what was read after the same before.

#include <rossby/core/array.hpp>

#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace rossby::io {

/// Samples are read variable by variable, all at one time, in the same order again and again, while the times come in
/// any order. So once a variable is read at a time, those that followed it before at its time will follow it now, with
/// their boxes: their chunks can be decoded while the first one still is. Safe for several threads.
class ReadAhead {
public:
  struct Read {
    int array;
    Shape start, count;
  };
  /// Notes a read of an array whose first axis is time; returns what is likely to be next, soonest first.
  std::vector<Read> note(int array, Shape const& start, Shape const& count);

private:
  struct Habit {
    std::vector<Read> reads; ///< the last ones, at one time
    int next = -1;           ///< what followed at that time
  };
  std::mutex mutex_;
  std::map<int, Habit> habits_;
  int last_ = -1;
};

} // namespace rossby::io
