#include "train/run_folder.hpp"

#include "io/replace.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace rossby {

namespace fs = std::filesystem;

RunFolder::RunFolder(std::string path, Communicator const& ranks, Entry entry) : path_(std::move(path))
{
  try {
    on_first_rank(ranks, [&] { prepare(entry); });
  } catch (...) {
    if (handle_ >= 0)
      ::close(handle_);
    throw;
  }
}

void RunFolder::prepare(Entry entry)
{
  std::error_code code;
  fs::create_directories(path_, code);
  if (code)
    fail(path_, fmt::format("the run folder can't be made ({})", code.message()), "choose another save_loc");
  lock();
  remove_unfinished();
  if (entry == Entry::fresh && (fs::exists(checkpoint()) || fs::exists(training_log())))
    fail(path_, "holds a run already", "continue it with --resume, or choose another save_loc");
}

void RunFolder::remove_unfinished() const
{
  std::string const ending = io::unfinished_name("");
  for (auto const& item : fs::directory_iterator(path_)) {
    auto const name = item.path().filename().string();
    if (name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
      fs::remove(item.path());
  }
}

RunFolder::~RunFolder()
{
  if (handle_ >= 0)
    ::close(handle_); // which unlocks
}

void RunFolder::lock()
{
  std::string const name = file(".lock");
  handle_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (handle_ < 0)
    fail(path_, fmt::format("the run folder can't be written to ({})", std::strerror(errno)),
         "choose another save_loc");
  if (::flock(handle_, LOCK_EX | LOCK_NB) == 0)
    return;
  if (errno == EWOULDBLOCK)
    fail(path_, "another run is writing to this folder", "wait for it to end, or choose another save_loc");
  logging::warning(
      fmt::format("{}: can't be locked ({}); make sure that no other run writes here", name, std::strerror(errno)));
}

std::string RunFolder::epoch_checkpoint(std::int64_t epoch) const
{
  return file(fmt::format("checkpoint_{:05}.h5", epoch));
}

} // namespace rossby
