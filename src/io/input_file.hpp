#pragma once
/// \file
/// Private to src/io: a file read at any place, without a position of its own.

#include <cstddef>
#include <cstdint>
#include <string>

namespace rossby::io {

class InputFile {
public:
  /// \throws Error for what is absent, may not be read, or is not an ordinary file (reading a device may never end).
  explicit InputFile(std::string path);
  /// One that is open already, and is closed here.
  InputFile(std::string path, int handle);
  ~InputFile();
  InputFile(InputFile const&) = delete;
  InputFile& operator=(InputFile const&) = delete;

  std::string const& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  /// True when bytes [at, at + count) are in the file; never overflows.
  bool holds(std::uint64_t at, std::uint64_t count) const { return at <= size_ && count <= size_ - at; }
  /// \throws Error when the file ends before that.
  void read(std::uint64_t at, void* to, std::size_t count) const;
  std::string read(std::uint64_t at, std::size_t count) const;

  /// Ends in an Error of this file.
  [[noreturn]] void refuse(std::string const& what, std::string const& fix = {}) const;
  [[noreturn]] void damaged(std::string const& what) const;

private:
  std::string path_;
  std::uint64_t size_ = 0;
  int handle_ = -1;
};

} // namespace rossby::io
