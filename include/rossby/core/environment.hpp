#pragma once
/// \file
/// What must exist before the first array and outlive the last.

#include <rossby/core/pool.hpp>

#include <memory>

namespace rossby {

/// Starts Kokkos (unless the host program already has) and owns the memory pool. One at a time per process.
/// The program starts MPI first (see comm/runtime.hpp) and stops it last.
class Environment {
public:
  Environment(int& argc, char** argv);
  ~Environment();
  Environment(Environment const&) = delete;
  Environment& operator=(Environment const&) = delete;

  /// \throws std::logic_error when none exists.
  static Environment& current();
  std::shared_ptr<Pool> const& pool() const { return pool_; }

private:
  bool started_kokkos_ = false;
  std::shared_ptr<Pool> pool_;
};

} // namespace rossby
