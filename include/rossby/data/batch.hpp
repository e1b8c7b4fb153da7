#pragma once
/// \file
/// Batches of samples, and where a training loop gets them from.

#include <rossby/core/kokkos_compat.hpp>
#include <rossby/data/time.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace rossby {

/// Which samples a batch has on this rank.
struct SampleIndices {
  std::vector<index_t> samples;
  index_t real = 0;   ///< the first `real` ones are no padding
  index_t first = 0;  ///< position of the first one in the global batch
  index_t global = 0; ///< samples in the global batch, padding left out
};

/// One rollout step of one batch: host values, channels-last, this rank's tile.
///
/// Step 0 carries the whole input. The input of step i > 0 is built from the one before: of base channel c, frames move
/// down by one and the newest frame is, by kind of channel, `feedback` of the model's raw output (prognostic), the new
/// forcing (dynamic forcing) or the old value (static).
struct BatchStep {
  index_t number = 0; ///< batch in the epoch
  int step = 0;       ///< rollout step, from 0
  bool last_step = true;
  SampleIndices indices;
  std::vector<Time> initial_times;            ///< by sample
  std::vector<Time> valid_times;              ///< of the target: initial time + (step + 1) time steps
  std::vector<float> input;                   ///< step 0: [samples, rows, columns, input channels * frames]; else empty
  std::vector<float> forcing;                 ///< steps > 0: [samples, rows, columns, forcing channels]; else empty
  std::vector<float> target, target_physical; ///< [samples, rows, columns, output channels]

  index_t samples() const { return static_cast<index_t>(indices.samples.size()); }
};

class BatchSource {
public:
  virtual ~BatchSource() = default;
  virtual index_t batches() const = 0; ///< of an epoch
  virtual void start(std::uint64_t epoch, index_t first_batch) = 0;
  /// All rollout steps of a batch, then the next batch; nothing at the end of the epoch.
  virtual std::optional<BatchStep> next() = 0;
};

} // namespace rossby
