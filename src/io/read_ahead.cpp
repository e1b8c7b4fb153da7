#include "read_ahead.hpp"

namespace rossby::io {

namespace {
constexpr int farthest = 16; // variables: more threads than that don't decode at once
}

std::vector<ReadAhead::Read> ReadAhead::note(int array, Shape const& start, Shape const& count)
{
  std::lock_guard<std::mutex> const lock(mutex_);
  Habit& habit = habits_[array];
  bool const goes_on = array == last_ && !habit.reads.empty() && habit.reads.front().start[0] == start[0];
  if (!goes_on) { // the first box of this variable at this time
    if (last_ >= 0 && last_ != array)
      habits_[last_].next = habits_[last_].reads.front().start[0] == start[0] ? array : -1;
    habit.reads.clear();
  }
  habit.reads.push_back({array, start, count});
  last_ = array;
  std::vector<Read> next;
  if (goes_on)
    return next;
  for (int a = habit.next, steps = 0; a >= 0 && a != array && steps < farthest; a = habits_[a].next, ++steps)
    for (Read read : habits_[a].reads) {
      read.start[0] = start[0];
      next.push_back(std::move(read));
    }
  return next;
}

} // namespace rossby::io
