#pragma once
/// \file
/// Batches, read ahead by a background thread.

#include "data/sampler.hpp"
#include <rossby/core/box.hpp>
#include <rossby/data/batch.hpp>

#include <memory>
#include <optional>

namespace rossby {

struct DataPlan;

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
  std::optional<BatchStep> next();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby
