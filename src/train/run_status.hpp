#pragma once
/// \file
/// What the folder of a run tells about it, whether or not it is under way. Needs no device and changes nothing.

#include <cstdint>
#include <string>
#include <vector>

namespace rossby {

/// Written by a job as it goes, in one small file of its folder (".progress").
struct RunProgress {
  std::int64_t started = 0, updated = 0; ///< seconds since 1970: the start of the job, and the last sign of life
  std::int64_t batches_done = 0;         ///< by this job
  std::int64_t step = 0;                 ///< optimizer steps of the run
  std::int64_t epoch = 0, epochs = 0;    ///< finished, and wanted
  std::int64_t batch = 0, batches = 0;   ///< of the epoch under way

  std::string text() const;
  static RunProgress parse(std::string const& text); ///< zeros for what is not there

  /// Batches a second of the job, validation included; 0 where nothing is known yet.
  double rate() const;
  /// Seconds to the end of all epochs at that rate; negative where nothing is known.
  double time_left() const;
};

struct CheckpointStatus {
  std::string file;
  std::int64_t bytes = 0, epoch = 0, batch = 0, step = 0;
  bool sealed = false, read = false; ///< read: every value was compared with its checksum
  std::string damage;                ///< "": sound, as far as it was read
};

struct RunStatus {
  RunProgress progress;
  double last_loss = 0, mean_loss = 0, learning_rate = 0; ///< of the last step; of the last `mean_of`
  int mean_of = 0;                                        ///< 0: no step yet
  std::string last_epoch;                                 ///< "epoch 3: train_loss 2.1, valid_loss 2.0"; "" before one
  std::vector<CheckpointStatus> checkpoints;              ///< newest first
};

/// Files of more than `read_up_to` bytes are judged by their seal and contents alone, without reading their values.
/// \throws Error for a folder that holds no run.
RunStatus run_status(std::string const& folder, std::int64_t read_up_to);

} // namespace rossby
