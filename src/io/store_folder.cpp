#include "store_folder.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rossby::io {

namespace {
/// Opens `name` in `folder`, whatever it is, unless it is a link; -1 when there is none.
int open_entry(int folder, std::string const& name, int flags, std::string const& path)
{
  int const handle = ::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | flags);
  if (handle >= 0)
    return handle;
  int const code = errno;
  struct stat facts;
  if (::fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(facts.st_mode))
    fail(path, "is a link; links within a store are not followed", "put the file itself there");
  if (code == ENOENT || code == ENOTDIR)
    return -1;
  fail(path, fmt::format("can't be opened ({})", std::strerror(code)), "check its permissions");
}
} // namespace

StoreFolder::StoreFolder(std::string path) : path_(std::move(path))
{
  handle_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (handle_ < 0)
    fail(path_, fmt::format("can't be opened ({})", std::strerror(errno)), "check the path and its permissions");
}

StoreFolder::~StoreFolder() { ::close(handle_); }

std::unique_ptr<InputFile> StoreFolder::file(std::string const& name) const
{
  int folder = handle_;
  for (std::size_t begin = 0;;) {
    auto const slash = name.find('/', begin);
    bool const last = slash == std::string::npos;
    std::string const path = path_ + "/" + name.substr(0, slash);
    int next = -1;
    try {
      next = open_entry(folder, name.substr(begin, last ? slash : slash - begin), last ? 0 : O_DIRECTORY, path);
    } catch (...) {
      if (folder != handle_)
        ::close(folder);
      throw;
    }
    if (folder != handle_)
      ::close(folder);
    if (next < 0)
      return nullptr;
    if (last)
      return std::make_unique<InputFile>(path, next);
    folder = next;
    begin = slash + 1;
  }
}

std::vector<std::string> StoreFolder::entries() const
{
  std::vector<std::string> names;
  int const handle = ::openat(handle_, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  DIR* const stream = handle < 0 ? nullptr : ::fdopendir(handle);
  if (!stream) {
    if (handle >= 0)
      ::close(handle);
    fail(path_, fmt::format("can't be listed ({})", std::strerror(errno)), "check its permissions");
  }
  while (auto const* const entry = ::readdir(stream))
    if (std::string const name = entry->d_name; name != "." && name != "..")
      names.push_back(name);
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

} // namespace rossby::io
