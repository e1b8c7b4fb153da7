#pragma once
/// \file
/// The one lock around HDF5 and netCDF, and what they can't recover from.

#include <mutex>

namespace rossby::io {

/// Held during every HDF5 or netCDF call of the process: neither library promises to be thread-safe, and netCDF-4
/// files are HDF5 files. While it is held HDF5 prints nothing of the errors that are reported here; what a host program
/// has told HDF5 to do with errors holds again afterwards.
class LibraryLock {
public:
  LibraryLock();
  ~LibraryLock();
  LibraryLock(LibraryLock const&) = delete;
  LibraryLock& operator=(LibraryLock const&) = delete;

private:
  std::lock_guard<std::recursive_mutex> lock_;
};

inline LibraryLock library_lock() { return LibraryLock(); }

/// Called when a file can't be closed, because what is left of it finds no room on the disk.
void mark_file_stuck();
/// True after that. HDF5 then keeps a file that is half gone and crashes on it in its own clean-up, which MPI_Finalize
/// starts: the process should end by std::_Exit.
bool any_file_stuck();

} // namespace rossby::io
