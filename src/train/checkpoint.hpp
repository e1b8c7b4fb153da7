#pragma once
/// \file
/// Checkpoints: one HDF5 file in global shapes.
///
///     /model/<name>                                weights and spectral-norm vectors
///     /optimizer/<name>/{exp_avg,exp_avg_sq,step}  for parameters that have had a gradient
///     /ema/<name>                                  averaged weights
///     /trainer/...                                 where the run is
///     /deck, /model_block, /settings, /channel_schema   texts
///     /contents                                    all of the above, with checksums
///
/// Every dataset has a checksum attribute, and the list of all of them seals the file. A file is written beside its
/// name and renamed when it is whole.

#include "optim/adamw.hpp"
#include "optim/ema.hpp"
#include <rossby/comm/communicator.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace rossby {

/// Where a run is: with the same deck, data and ranks it goes on from here bit for bit.
struct TrainingState {
  std::int64_t epoch = 0;        ///< under way, from 0
  std::int64_t batch = 0;        ///< micro-batches of it that are done
  std::int64_t update = 0;       ///< optimizer steps so far
  std::int64_t forward = 0;      ///< training forward passes so far: the step coordinate of dropout
  std::int64_t seed = 0;         ///< key of dropout and shuffling
  std::int64_t global_batch = 0; ///< samples in a micro-batch over all ranks
  std::vector<double> schedule;  ///< Schedule::state()
  std::vector<double> sums;      ///< of the epoch under way: what its row of the log is made of
  std::vector<double> history;   ///< the training metric by finished epoch
  std::string log;               ///< the row of the last finished epoch, below its header; see TrainingLog
  /// Of the scaler of CREDIT's mixed precision, which Rossby has no use for: scale, growth and backoff factor, growth
  /// interval and tracker. Kept for the way back; empty: there was none.
  std::vector<double> loss_scaler = {};
};

/// What a checkpoint says about the run that wrote it.
struct RunDescription {
  std::string deck;        ///< as YAML
  std::string model_block; ///< "key: value" lines; two runs with different lines can't continue each other
  std::string schema;      ///< channel_schema.yaml
  std::string settings{};  ///< "key: value" lines that a run must go on with to be the same run; of the first rank
};

/// From this many bytes of a file on, one more rank takes part in writing it.
constexpr std::size_t default_bytes_per_writer = std::size_t{1} << 30;

/// Each rank writes the parts that only it stores (see params/parameters.hpp); no rank needs more than it stores. Of
/// parts that several ranks store, the first of these writes all, or some of them divide the rows: one rank for every
/// `bytes_per_writer` of the file, because joint writing of small files takes longer than it saves. `ranks` are all
/// ranks of the placement. \throws Error on all ranks when any of them fails; the file of that name is then what it
/// was.
void write_checkpoint(std::string const& file, Communicator const& ranks, Exec const&, Parameters const&,
                      AdamW const& optimizer, Ema const*, TrainingState const&, RunDescription const&,
                      std::size_t bytes_per_writer = default_bytes_per_writer);

/// The weights alone, likewise.
void write_weights(std::string const& file, Communicator const& ranks, Exec const&, Parameters const&);

/// Which parts of a checkpoint to take.
struct CheckpointParts {
  bool optimizer = true, averages = true;
};

/// Reads weights, and what `parts` says, each rank the parts that it stores, from a checkpoint of any mesh. Collective
/// over all ranks of the placement.
/// \throws Error on all ranks for a damaged file, a file that is not a checkpoint, weights of another model (see
/// load_model_weights), or a model block that differs from `expected`, naming the first line that does. Parameters,
/// moments and averages are then what they were.
TrainingState read_checkpoint(std::string const& file, Exec const&, Parameters&, AdamW&, Ema*, CheckpointParts,
                              RunDescription const& expected);

/// The weights that a forecast uses: the averages when `averages` is set, /model for the rest. Collective likewise.
void read_forecast_weights(std::string const& file, Exec const&, Parameters&, bool averages);
/// True when the file holds averaged weights.
bool has_averages(std::string const& file);

} // namespace rossby
