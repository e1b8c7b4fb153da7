#include <rossby/io/lock.hpp>

#include <atomic>

namespace rossby::io {

namespace {
std::atomic<bool> file_stuck{false};
}

void mark_file_stuck() { file_stuck = true; }
bool any_file_stuck() { return file_stuck; }

std::unique_lock<std::recursive_mutex> library_lock()
{
  static std::recursive_mutex mutex;
  return std::unique_lock<std::recursive_mutex>(mutex);
}

} // namespace rossby::io
