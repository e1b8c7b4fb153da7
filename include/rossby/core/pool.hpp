#pragma once
/// \file
/// Device memory kept for reuse: a training step allocates the same sizes again and again.

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

namespace rossby {

/// Hands out device blocks and takes them back. Blocks are reused in the order of the one execution space instance
/// that all kernels run on, so a block may be handed out again while the kernel that last used it is still queued.
/// Not thread-safe: only the thread that launches kernels allocates.
class Pool : public std::enable_shared_from_this<Pool> {
public:
  Pool() = default;
  ~Pool();
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;

  /// A block of at least `bytes`, uninitialised; returns to the pool when the last owner lets go.
  std::shared_ptr<void> allocate(std::size_t bytes);

  std::size_t bytes_in_use() const { return in_use_; }
  std::size_t peak_bytes() const { return peak_; }
  void reset_peak() { peak_ = in_use_; }
  /// Gives unused blocks back to the system.
  void trim();

private:
  void give_back(void* pointer, std::size_t bytes);

  std::multimap<std::size_t, void*> free_;
  std::size_t in_use_ = 0, peak_ = 0;
};

} // namespace rossby
