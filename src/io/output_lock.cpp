#include "io/output_lock.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rossby::io {

namespace {
/// The lock that is held is the file of this name, and not one that another program has removed.
bool is_file(int handle, std::string const& name)
{
  struct stat held, there;
  return ::fstat(handle, &held) == 0 && ::lstat(name.c_str(), &there) == 0 && held.st_dev == there.st_dev &&
         held.st_ino == there.st_ino;
}
} // namespace

OutputLock::OutputLock(std::string path) : name_(path + (std::filesystem::is_directory(path) ? "/.lock" : ".lock"))
{
  while (true) {
    handle_ = ::open(name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (handle_ < 0)
      fail(path, std::string("can't be written to (") + std::strerror(errno) + ")",
           "check that the folder exists and that you may write to it");
    if (::flock(handle_, LOCK_EX | LOCK_NB) != 0) {
      int const code = errno;
      if (code == EWOULDBLOCK) {
        ::close(handle_);
        fail(path, "another program is writing there", "wait for it to end, or choose another place");
      }
      logging::warning(name_ + ": can't be locked (" + std::strerror(code) +
                       "); make sure that no other run writes there");
      return;
    }
    if (is_file(handle_, name_))
      return;
    ::close(handle_); // its holder has just ended
  }
}

OutputLock::~OutputLock()
{
  if (is_file(handle_, name_))
    ::unlink(name_.c_str());
  ::close(handle_);
}

} // namespace rossby::io
