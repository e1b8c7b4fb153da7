#include "io/replace.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace rossby::io {

namespace fs = std::filesystem;

namespace {
[[noreturn]] void refuse(std::string const& file, std::string const& what, int code)
{
  fail(file, what + " (" + std::strerror(code) + ")",
       "check that the disk has room and that you may write to the folder");
}

void sync(std::string const& path, int flags)
{
  int const handle = ::open(path.c_str(), flags);
  if (handle < 0)
    refuse(path, "can't be opened", errno);
  int const code = ::fsync(handle) == 0 ? 0 : errno;
  ::close(handle);
  if (code != 0 && code != EINVAL) // some file systems can't sync folders
    refuse(path, "can't be brought to disk", code);
}

void rename(std::string const& from, std::string const& to)
{
  if (std::rename(from.c_str(), to.c_str()) != 0)
    refuse(to, "can't be replaced", errno);
}
} // namespace

namespace {
/// Brings names to disk.
void sync_folder_of(std::string const& file)
{
  auto const folder = fs::path(file).parent_path();
  sync(folder.empty() ? "." : folder.string(), O_RDONLY);
}
} // namespace

std::string unfinished_name(std::string const& file) { return file + ".tmp"; }

namespace {
/// The unfinished file, made anew and empty; returns its handle.
int make(std::string const& file)
{
  std::string const name = unfinished_name(file);
  discard_unfinished(file); // left by a run that was killed: whoever writes here holds the lock of the place
  int const handle = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (handle >= 0)
    return handle;
  if (errno == EEXIST)
    fail(file, "another program is writing it", "wait for it to end");
  refuse(file, "can't be written", errno);
}
} // namespace

void begin_file(std::string const& file) { ::close(make(file)); }

void expect_room(std::string const& file, std::size_t bytes)
{
  int const handle = make(file);
  int code = ::fallocate(handle, 0, 0, static_cast<off_t>(std::max<std::size_t>(1, bytes))) == 0 ? 0 : errno;
  if (::ftruncate(handle, 0) != 0 && code == 0)
    code = errno;
  ::close(handle);
  if (code == 0 || code == EOPNOTSUPP || code == ENOSYS) // a file system that can't tell
    return;
  discard_unfinished(file);
  refuse(file, "has no room for " + std::to_string(bytes >> 20) + " MiB", code);
}

void finish_file(std::string const& file)
{
  sync(unfinished_name(file), O_RDWR);
  rename(unfinished_name(file), file);
  sync_folder_of(file);
}

void discard_unfinished(std::string const& file) noexcept { std::remove(unfinished_name(file).c_str()); }

void replace_text(std::string const& file, std::string const& text)
{
  int const handle = make(file);
  std::FILE* const out = ::fdopen(handle, "wb");
  if (!out) {
    int const code = errno;
    ::close(handle);
    refuse(file, "can't be written", code);
  }
  bool const written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  int code = written ? 0 : errno;
  if (std::fclose(out) != 0 && code == 0)
    code = errno;
  if (code != 0) {
    discard_unfinished(file);
    refuse(file, "can't be written", code);
  }
  finish_file(file);
}

void keep_as(std::string const& file, std::string const& name)
{
  std::error_code code;
  discard_unfinished(name);
  fs::create_hard_link(file, unfinished_name(name), code);
  if (code)
    fs::copy_file(file, unfinished_name(name), fs::copy_options::none, code);
  if (code)
    refuse(name, "can't be written", code.value());
  rename(unfinished_name(name), name);
  discard_unfinished(name); // two names of one file: there was nothing to rename
  sync_folder_of(name);
}

} // namespace rossby::io
