#pragma once
/// \file
/// Private to src/io: part of a file, read from its beginning.

#include "input_file.hpp"
#include "little_endian.hpp"

#include <cstdint>
#include <string>

namespace rossby::io {

class ByteStream {
public:
  /// Bytes [begin, end) of the file.
  ByteStream(InputFile const& file, std::uint64_t begin, std::uint64_t end) : file_(&file), next_(begin), end_(end) {}
  InputFile const& file() const { return *file_; }
  std::uint64_t position() const { return next_ - (piece_.size() - used_); }
  std::uint64_t left() const { return end_ - position(); }

  unsigned char byte()
  {
    if (used_ == piece_.size())
      refill();
    return static_cast<unsigned char>(piece_[used_++]);
  }
  template <class U> U number()
  {
    unsigned char bytes[sizeof(U)];
    for (auto& b : bytes)
      b = byte();
    return little<U>(bytes);
  }
  /// Refused before memory is taken when there are not so many left.
  std::string bytes(std::uint64_t count);
  /// Up to a newline, which is dropped; of at most `most` bytes.
  std::string line(std::size_t most);

private:
  void refill();
  InputFile const* file_;
  std::uint64_t next_, end_; ///< of what is not in `piece_` yet
  std::string piece_;
  std::size_t used_ = 0;
};

} // namespace rossby::io
