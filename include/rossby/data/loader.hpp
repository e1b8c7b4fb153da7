#pragma once
/// \file
/// Batches, read ahead by a background thread.

#include <rossby/data/dataset.hpp>
#include <rossby/data/sampler.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace rossby {

/// One rollout step of one batch: host values, channels-last, this rank's tile.
///
/// Step 0 carries the whole input. The input of step i > 0 is built from the one before: of base channel c, frames move
/// down by one and the newest frame is, by kind of channel, `feedback` of the model's raw output (prognostic), the new
/// forcing (dynamic forcing) or the old value (static).
struct Batch {
  index_t number = 0; ///< batch in the epoch
  int step = 0;       ///< rollout step, from 0
  bool last_step = true;
  Sampler::Indices indices;
  std::vector<Time> initial_times;            ///< by sample
  std::vector<Time> valid_times;              ///< of the target: initial time + (step + 1) time steps
  std::vector<float> input;                   ///< step 0: [samples, rows, columns, input channels * frames]; else empty
  std::vector<float> forcing;                 ///< steps > 0: [samples, rows, columns, forcing channels]; else empty
  std::vector<float> target, target_physical; ///< [samples, rows, columns, output channels]

  index_t samples() const { return static_cast<index_t>(indices.samples.size()); }
};

/// Delivers the batches of an epoch in order, all rollout steps of a batch before the next batch. Its thread reads
/// files only: no message passing, no kernels, no device memory. An exception in the thread is thrown by next().
class Loader {
public:
  /// `queue_depth`: batches of one step read ahead, at least 1.
  Loader(DataPlan const&, Box box, Sampler sampler, int queue_depth = 2);
  ~Loader();
  Loader(Loader const&) = delete;
  Loader& operator=(Loader const&) = delete;

  Sampler const& sampler() const;
  DataPlan const& plan() const;
  /// Starts (or restarts) at a batch of an epoch: with the numbers of a checkpoint the same batches follow.
  void start(std::uint64_t epoch, index_t first_batch = 0);
  /// The next one, or nothing at the end of the epoch.
  std::optional<Batch> next();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby
