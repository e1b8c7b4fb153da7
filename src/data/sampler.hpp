#pragma once
/// \file
/// Which samples make up which batch.

#include <rossby/data/batch.hpp>

#include <cstdint>
#include <vector>

namespace rossby {

/// Deals samples to data-parallel ranks. An epoch is one global order, a function of (seed, epoch) alone, padded from
/// its beginning to a multiple of the ranks. A global batch is the next `batch_size * ranks` samples of it, rank r
/// having the r-th block: on one rank with the same global batch the samples come in the same order. The last batch may
/// be smaller (alike on all ranks).
class Sampler {
public:
  struct Options {
    index_t samples = 0;
    index_t batch_size = 1;  ///< per rank
    int rank = 0, ranks = 1; ///< data coordinate only: tensor and domain peers get the same samples
    std::uint64_t seed = 42;
    bool shuffle = true;
    index_t batches_per_epoch = 0; ///< 0: all
  };
  explicit Sampler(Options);

  Options const& options() const { return options_; }
  index_t batches() const { return batches_; }
  using Indices = SampleIndices;
  /// Keeps the order of the last epoch asked for: one thread at a time.
  Indices batch(std::uint64_t epoch, index_t number);

private:
  std::vector<index_t> const& order(std::uint64_t epoch);

  Options options_;
  index_t batches_ = 0, padded_ = 0;
  std::uint64_t order_epoch_ = 0;
  std::vector<index_t> order_;
};

} // namespace rossby
