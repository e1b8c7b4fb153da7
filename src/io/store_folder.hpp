#pragma once
/// \file
/// Private to src/io: the files below a folder, and none elsewhere.

#include "input_file.hpp"

#include <memory>
#include <string>
#include <vector>

namespace rossby::io {

/// A folder held open. Links within it are refused, not followed: what is read lies in the store that was named.
class StoreFolder {
public:
  /// The folder of a store, which may be a link itself. \throws Error when it can't be opened.
  explicit StoreFolder(std::string path);
  ~StoreFolder();
  StoreFolder(StoreFolder const&) = delete;
  StoreFolder& operator=(StoreFolder const&) = delete;

  std::string const& path() const { return path_; }
  /// A file of this folder or, with slashes in its name, of folders within; null when there is none.
  std::unique_ptr<InputFile> file(std::string const& name) const;
  /// The folder's entries, sorted.
  std::vector<std::string> entries() const;

private:
  std::string path_;
  int handle_ = -1;
};

} // namespace rossby::io
