#pragma once
/// \file
/// What is under way between a start and its wait.

#include <rossby/comm/communicator.hpp>

#include <vector>

namespace rossby {

struct Communicator::Exchange::State {
  State() = default;
  State(State const&) = delete;
  State& operator=(State const&) = delete;
  virtual ~State() = default;
  virtual void progress() {}
  virtual void wait() = 0;
  /// After some progress: would wait() return at once?
  virtual bool done() = 0;

  std::vector<Array> kept; ///< until it is done
};

} // namespace rossby
