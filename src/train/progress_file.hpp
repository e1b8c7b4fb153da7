#pragma once
/// \file
/// Private to src/train: a job's signs of life, for `rossby status`.

#include "train/run_status.hpp"

#include <ctime>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace rossby {

/// One small file that is written in place, a second apart or more: who reads it sees one writing or the next. Nothing
/// depends on it, so that a disk that fails is no matter here.
class ProgressFile {
public:
  explicit ProgressFile(std::string const& path)
      : handle_(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666))
  {
    progress_.started = std::time(nullptr);
  }
  ~ProgressFile()
  {
    write();
    if (handle_ >= 0)
      ::close(handle_);
  }
  ProgressFile(ProgressFile const&) = delete;
  ProgressFile& operator=(ProgressFile const&) = delete;

  /// `p` says where the run is; the times and this job's batches are known here.
  void batch_done(RunProgress const& p)
  {
    auto const started = progress_.started, done = progress_.batches_done + 1, before = progress_.updated;
    progress_ = p;
    progress_.started = started;
    progress_.batches_done = done;
    progress_.updated = std::time(nullptr);
    if (progress_.updated > before)
      write();
  }

private:
  void write() const
  {
    if (handle_ < 0 || progress_.updated == 0)
      return;
    std::string text = progress_.text();
    text.resize(256, '\n'); // as long as the one before
    if (::pwrite(handle_, text.data(), text.size(), 0) < 0)
      return;
  }
  int handle_;
  RunProgress progress_;
};

} // namespace rossby
