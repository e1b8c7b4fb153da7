#include <rossby/io/lock.hpp>

namespace rossby::io {

std::unique_lock<std::recursive_mutex> library_lock()
{
  static std::recursive_mutex mutex;
  return std::unique_lock<std::recursive_mutex>(mutex);
}

} // namespace rossby::io
