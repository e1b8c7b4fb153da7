// Counts the calls that give files their names or bring them to disk (rename, link, unlink, remove, fsync) for paths
// that contain KILL_UNDER, writes each down in the file KILL_LOG, and ends the process by SIGKILL before the
// KILL_AT-th. Preloaded.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace {
template <class F> F* next(char const* name)
{
  void* const found = dlsym(RTLD_NEXT, name);
  F* function = nullptr;
  std::memcpy(&function, &found, sizeof function);
  return function;
}

void before(char const* call, char const* path)
{
  static int count = 0;
  char const* const under = std::getenv("KILL_UNDER");
  if (!under || !path || !std::strstr(path, under))
    return;
  ++count;
  char const* const at = std::getenv("KILL_AT");
  bool const now = at && std::atoi(at) == count;
  if (char const* const log = std::getenv("KILL_LOG")) {
    char line[512];
    int const length = std::snprintf(line, sizeof line, "%d %s %s\n", count, call, path);
    int const file = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file >= 0 && ::write(file, line, static_cast<std::size_t>(length)) < 0)
      now ? static_cast<void>(0) : std::abort();
    ::close(file);
  }
  if (now)
    std::raise(SIGKILL);
}
} // namespace

extern "C" {
int rename(char const* from, char const* to) noexcept
{
  before("rename", to);
  return next<int(char const*, char const*)>("rename")(from, to);
}
int link(char const* from, char const* to) noexcept
{
  before("link", to);
  return next<int(char const*, char const*)>("link")(from, to);
}
int unlink(char const* path) noexcept
{
  before("unlink", path);
  return next<int(char const*)>("unlink")(path);
}
int remove(char const* path) noexcept
{
  if (::access(path, F_OK) == 0) // most often there is nothing to remove
    before("remove", path);
  return next<int(char const*)>("remove")(path);
}
int fsync(int file)
{
  char name[64], path[512] = {};
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  if (::readlink(name, path, sizeof path - 1) > 0)
    before("fsync", path);
  return next<int(int)>("fsync")(file);
}
}
