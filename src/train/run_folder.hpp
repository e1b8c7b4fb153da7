#pragma once
/// \file
/// The folder of a run (save_loc): one run at a time writes there.

#include <rossby/comm/communicator.hpp>

#include <cstdint>
#include <string>

namespace rossby {

class RunFolder {
public:
  enum class Entry {
    fresh, ///< refused when a run has been here
    again  ///< resumes or reuses what is there
  };
  /// Makes the folder and locks it until this object goes. Collective; rank 0 acts, all ranks hear of errors.
  RunFolder(std::string path, Communicator const& ranks, Entry);
  ~RunFolder();
  RunFolder(RunFolder const&) = delete;
  RunFolder& operator=(RunFolder const&) = delete;

  std::string file(std::string const& name) const { return path_ + "/" + name; }
  std::string checkpoint() const { return file("checkpoint.h5"); }
  std::string backup_checkpoint() const { return file("backup_checkpoint.h5"); }
  std::string best_checkpoint() const { return file("best_checkpoint.h5"); }
  std::string damaged_checkpoint() const { return file("damaged_checkpoint.h5"); } ///< found so and put aside
  std::string epoch_checkpoint(std::int64_t epoch) const;
  std::string training_log() const { return file("training_log.csv"); }
  std::string deck() const { return file("model.yml"); } ///< of the job that ran last
  std::string channel_schema() const { return file("channel_schema.yaml"); }
  std::string progress() const { return file(".progress"); }
  std::string steps_log() const { return file("training_steps.csv"); }

private:
  void prepare(Entry);
  void lock();
  /// What a run that was killed has not finished.
  void remove_unfinished() const;
  std::string path_;
  int handle_ = -1;
};

} // namespace rossby
