#pragma once
/// \file
/// What must exist before the first array and outlive the last.

#include <rossby/core/pool.hpp>

#include <memory>
#include <vector>

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
  static bool exists() noexcept;
  std::shared_ptr<Pool> const& pool() const { return pool_; }

private:
  bool started_kokkos_ = false;
  std::shared_ptr<Pool> pool_;
};

/// Takes the arguments that are Kokkos' own (--kokkos-…) out of argv, as Environment does. The result begins with the
/// program's name and ends with a null pointer, like argv.
std::vector<char*> take_kokkos_arguments(int& argc, char** argv);

} // namespace rossby
