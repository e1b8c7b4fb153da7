#include "io/lock.hpp"

#include <hdf5.h>

#include <atomic>

namespace rossby::io {

namespace {
std::atomic<bool> file_stuck{false};

std::recursive_mutex& mutex()
{
  static std::recursive_mutex m;
  return m;
}

/// What HDF5 did with errors before the outermost lock; used under the lock.
struct ErrorHandler {
  int depth = 0;
  unsigned second_version = 1; // of HDF5's two kinds of handlers
  H5E_auto2_t handler = nullptr;
  H5E_auto1_t old_handler = nullptr;
  void* data = nullptr;

  void mute()
  {
    if (depth++ > 0)
      return;
    H5Eauto_is_v2(H5E_DEFAULT, &second_version);
    if (second_version)
      H5Eget_auto2(H5E_DEFAULT, &handler, &data);
    else
      H5Eget_auto1(&old_handler, &data);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  void restore()
  {
    if (--depth > 0)
      return;
    if (second_version)
      H5Eset_auto2(H5E_DEFAULT, handler, data);
    else
      H5Eset_auto1(old_handler, data);
  }
};

ErrorHandler& error_handler()
{
  static ErrorHandler h;
  return h;
}
} // namespace

void mark_file_stuck() { file_stuck = true; }
bool any_file_stuck() { return file_stuck; }

LibraryLock::LibraryLock() : lock_(mutex()) { error_handler().mute(); }
LibraryLock::~LibraryLock() { error_handler().restore(); }

} // namespace rossby::io
