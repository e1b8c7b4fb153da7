#pragma once
/// \file
/// Where a loop gets its batches from.

#include <rossby/data/loader.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/train/config.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace rossby {

class BatchSource {
public:
  virtual ~BatchSource() = default;
  virtual index_t batches() const = 0; ///< of an epoch
  virtual void start(std::uint64_t epoch, index_t first_batch) = 0;
  /// All rollout steps of a batch, then the next batch; nothing at the end of the epoch.
  virtual std::optional<Batch> next() = 0;
};

/// Which of the `samples` each rank reads. It depends on the data coordinate alone: the ranks that share a sample, as
/// tiles or as a tensor group, must agree on it.
Sampler sampler_for(RunConfig const&, Mesh const&, index_t samples, bool training);

/// Batches from the deck's files.
std::unique_ptr<BatchSource> loader_source(DataPlan const&, Box const& tile, Sampler const&, int queue_depth);

} // namespace rossby
