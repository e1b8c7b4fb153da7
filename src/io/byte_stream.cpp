#include "byte_stream.hpp"

#include <algorithm>

namespace rossby::io {

void ByteStream::refill()
{
  if (next_ >= end_)
    file_->damaged("its list of contents (a pickle) ends too early");
  auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(end_ - next_, 1u << 16));
  piece_ = file_->read(next_, count);
  next_ += count;
  used_ = 0;
}

std::string ByteStream::bytes(std::uint64_t count)
{
  if (count > left())
    file_->damaged("its list of contents (a pickle) ends within a text");
  std::string text;
  text.reserve(static_cast<std::size_t>(count));
  while (text.size() < count) {
    if (used_ == piece_.size())
      refill();
    auto const n = std::min<std::size_t>(piece_.size() - used_, static_cast<std::size_t>(count) - text.size());
    text.append(piece_, used_, n);
    used_ += n;
  }
  return text;
}

std::string ByteStream::line(std::size_t most)
{
  std::string text;
  for (char c; (c = static_cast<char>(byte())) != '\n';) {
    if (text.size() == most)
      file_->damaged("its list of contents (a pickle) has a line without an end");
    text.push_back(c);
  }
  return text;
}

} // namespace rossby::io
