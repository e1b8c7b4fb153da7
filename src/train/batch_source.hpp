#pragma once
/// \file
/// Batches of a deck's files.

#include "data/plan.hpp"
#include "data/sampler.hpp"
#include "train/config.hpp"
#include <rossby/core/box.hpp>
#include <rossby/data/batch.hpp>
#include <rossby/parallel/mesh.hpp>

#include <memory>

namespace rossby {

/// Which of the `samples` each rank reads. It depends on the data coordinate alone: the ranks that share a sample, as
/// tiles or as a tensor group, must agree on it.
Sampler sampler_for(RunConfig const&, Mesh const&, index_t samples, bool training);

/// Batches from the deck's files.
std::unique_ptr<BatchSource> loader_source(DataPlan const&, Box const& tile, Sampler const&, int queue_depth);

} // namespace rossby
