#include "data/sampler.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/random.hpp>

#include <algorithm>
#include <numeric>

namespace rossby {

namespace {

/// Uniform in [0, n), from 64 random bits (multiply and keep the high word; the bias is below n / 2^64).
index_t below(index_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter)
{
  Philox::Draws const b = Philox::draws(seed, stream, counter);
  std::uint64_t const high = b.w[0], low = b.w[1], m = static_cast<std::uint64_t>(n);
  // (high * 2^32 + low) * m / 2^64 without 128-bit integers; m is far below 2^32 in practice and always below 2^31 here
  return static_cast<index_t>((high * m + ((low * m) >> 32)) >> 32);
}

} // namespace

Sampler::Sampler(Options options) : options_(options)
{
  ROSSBY_EXPECT(options_.samples > 0 && options_.samples < (index_t{1} << 31) && options_.batch_size > 0);
  ROSSBY_EXPECT(options_.ranks > 0 && options_.rank >= 0 && options_.rank < options_.ranks);
  index_t const ranks = options_.ranks;
  padded_ = (options_.samples + ranks - 1) / ranks * ranks;
  index_t const per_rank = padded_ / ranks;
  batches_ = (per_rank + options_.batch_size - 1) / options_.batch_size;
  if (options_.batches_per_epoch > 0)
    batches_ = std::min(batches_, options_.batches_per_epoch);
}

std::vector<index_t> const& Sampler::order(std::uint64_t epoch)
{
  if (!order_.empty() && (order_epoch_ == epoch || !options_.shuffle))
    return order_;
  order_.resize(static_cast<std::size_t>(options_.samples));
  std::iota(order_.begin(), order_.end(), index_t{0});
  if (options_.shuffle) {
    std::uint64_t const stream = stream_of("sample order") + epoch;
    for (index_t i = options_.samples - 1; i > 0; --i)
      std::swap(order_[static_cast<std::size_t>(i)],
                order_[static_cast<std::size_t>(below(i + 1, options_.seed, stream, static_cast<std::uint64_t>(i)))]);
  }
  order_epoch_ = epoch;
  return order_;
}

Sampler::Indices Sampler::batch(std::uint64_t epoch, index_t number)
{
  ROSSBY_EXPECT(number >= 0 && number < batches_);
  auto const& global = order(epoch);
  index_t const ranks = options_.ranks, begin = number * options_.batch_size * ranks;
  index_t const size = std::min(options_.batch_size, (padded_ - begin) / ranks);
  Indices indices;
  indices.first = size * options_.rank;
  indices.global = std::min(size * ranks, options_.samples - begin);
  for (index_t i = 0; i < size; ++i) {
    index_t const position = begin + indices.first + i;
    indices.samples.push_back(global[static_cast<std::size_t>(position % options_.samples)]);
    if (position < options_.samples)
      ++indices.real;
  }
  return indices;
}

} // namespace rossby
