#include "input_file.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rossby::io {

// O_NONBLOCK: not to wait for whoever might write to a pipe of this name.
InputFile::InputFile(std::string path) : InputFile(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}

InputFile::InputFile(std::string path, int handle) : path_(std::move(path)), handle_(handle)
{
  if (handle_ < 0)
    refuse(std::string("can't be opened (") + std::strerror(errno) + ")");
  struct stat facts;
  if (::fstat(handle_, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(handle_);
    refuse("is not an ordinary file");
  }
  size_ = static_cast<std::uint64_t>(facts.st_size);
}

InputFile::~InputFile() { ::close(handle_); }

void InputFile::read(std::uint64_t at, void* to, std::size_t count) const
{
  if (!holds(at, count))
    damaged("it ends too early");
  auto* next = static_cast<char*>(to);
  while (count > 0) {
    auto const got = ::pread(handle_, next, std::min(count, std::size_t{1} << 30), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      refuse(std::string("can't be read (") + std::strerror(errno) + ")");
    if (got == 0)
      damaged("it became shorter while it was read");
    next += got;
    at += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
}

std::string InputFile::read(std::uint64_t at, std::size_t count) const
{
  if (!holds(at, count))
    damaged("it ends too early");
  std::string bytes(count, '\0');
  read(at, bytes.data(), count);
  return bytes;
}

void InputFile::refuse(std::string const& what, std::string const& fix) const { fail(path_, what, fix); }

void InputFile::damaged(std::string const& what) const { fail(path_, "is damaged: " + what, "use another copy of it"); }

} // namespace rossby::io
