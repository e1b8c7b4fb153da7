#pragma once
/// \file
/// Where a loop gets its batches from.

#include <rossby/data/loader.hpp>

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

/// Batches from the deck's files.
std::unique_ptr<BatchSource> loader_source(DataPlan const&, Box const& tile, Sampler const&, int queue_depth);

} // namespace rossby
