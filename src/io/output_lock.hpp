#pragma once
/// \file
/// One program at a time writes a file or a folder.

#include <string>

namespace rossby::io {

/// Holds `<path>.lock` (of a folder: `<path>/.lock`) until it goes, and then removes it. The lock goes with the
/// process, however that ends.
class OutputLock {
public:
  /// \throws Error when another program holds it, or when the place can't be written to.
  explicit OutputLock(std::string path);
  ~OutputLock();
  OutputLock(OutputLock const&) = delete;
  OutputLock& operator=(OutputLock const&) = delete;

private:
  std::string name_;
  int handle_ = -1;
};

} // namespace rossby::io
