#pragma once
/// \file
/// Device memory kept for reuse: a training step allocates the same sizes again and again.

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace rossby {

/// Hands out device blocks and takes them back. Blocks are reused in the order of the one execution space instance
/// that all kernels run on, so a block may be handed out again while the kernel that last used it is still queued.
/// Threads may share one; but where kernels run on several instances each of these needs a pool of its own: see Scope.
class Pool : public std::enable_shared_from_this<Pool> {
public:
  Pool() = default;
  ~Pool();
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;

  /// A block of at least `bytes`, uninitialised; returns to the pool when the last owner lets go.
  std::shared_ptr<void> allocate(std::size_t bytes);

  /// Pinned host memory of at least `bytes`, for a copy to the device that nobody waits for: the caller's until the
  /// host next waits for the instance that all kernels run on.
  void* stage(std::size_t bytes);
  std::size_t staged_bytes() const;
  /// That wait has ended (wait_for tells the current pool, where there is one).
  static void host_has_waited();

  std::size_t bytes_in_use() const;
  std::size_t peak_bytes() const;
  void reset_peak();
  /// Gives unused blocks back to the system.
  void trim();

  /// While it lives, arrays that this thread makes come from the given pool, in place of the Environment's. Scopes
  /// nest.
  class Scope {
  public:
    explicit Scope(std::shared_ptr<Pool>);
    ~Scope();
    Scope(Scope const&) = delete;
    Scope& operator=(Scope const&) = delete;

  private:
    std::shared_ptr<Pool> before_;
  };
  /// The pool of this thread's innermost Scope, or that of the Environment.
  static Pool& current();

private:
  void give_back(void* pointer, std::size_t bytes);
  void free_unused();

  mutable std::mutex mutex_; // arrays may die on any thread
  std::multimap<std::size_t, void*> free_;
  std::size_t in_use_ = 0, peak_ = 0;
  std::multimap<std::size_t, void*> staging_, staged_; ///< pinned blocks: unused, and those of copies under way
  std::size_t staged_bytes_ = 0;
};

} // namespace rossby
