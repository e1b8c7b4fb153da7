#include "data/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rossby {
namespace {

Sampler sampler(index_t samples, index_t batch, int rank, int ranks, bool shuffle = true)
{
  Sampler::Options o;
  o.samples = samples, o.batch_size = batch, o.rank = rank, o.ranks = ranks, o.shuffle = shuffle;
  return Sampler(o);
}

TEST(Sampler, RanksTogetherSeeTheOrderOfOneRank)
{
  for (index_t const samples : {24, 12, 36}) {
    std::vector<index_t> one, together;
    auto alone = sampler(samples, 6, 0, 1);
    for (index_t b = 0; b < alone.batches(); ++b)
      for (index_t const i : alone.batch(3, b).samples)
        one.push_back(i);
    for (index_t b = 0; b < sampler(samples, 2, 0, 3).batches(); ++b)
      for (int r = 0; r < 3; ++r) {
        auto const part = sampler(samples, 2, r, 3).batch(3, b);
        EXPECT_EQ(part.first, 2 * r);
        together.insert(together.end(), part.samples.begin(), part.samples.end());
      }
    EXPECT_EQ(one, together);
    EXPECT_EQ(std::set<index_t>(one.begin(), one.end()).size(), static_cast<std::size_t>(samples));
  }
}

TEST(Sampler, PaddingIsEvenAndMarked)
{
  index_t real = 0;
  std::set<index_t> seen;
  for (int r = 0; r < 4; ++r) {
    auto s = sampler(10, 2, r, 4);
    ASSERT_EQ(s.batches(), 2);
    for (index_t b = 0; b < 2; ++b) {
      auto const part = s.batch(0, b);
      EXPECT_EQ(part.samples.size(), b == 0 ? 2u : 1u);
      EXPECT_EQ(part.global, b == 0 ? 8 : 2);
      real += part.real;
      seen.insert(part.samples.begin(), part.samples.end());
    }
  }
  EXPECT_EQ(real, 10);
  EXPECT_EQ(seen.size(), 10u);
}

TEST(Sampler, EpochsDifferAndComeBack)
{
  auto s = sampler(50, 50, 0, 1);
  auto const first = s.batch(0, 0).samples, second = s.batch(1, 0).samples;
  EXPECT_NE(first, second);
  EXPECT_EQ(s.batch(0, 0).samples, first);
  EXPECT_TRUE(std::is_permutation(first.begin(), first.end(), second.begin()));
  auto const straight = sampler(50, 50, 0, 1, false).batch(7, 0).samples;
  EXPECT_TRUE(std::is_sorted(straight.begin(), straight.end()));
}

TEST(Sampler, StopsAfterBatchesPerEpoch)
{
  Sampler::Options o;
  o.samples = 100, o.batch_size = 3, o.batches_per_epoch = 5;
  EXPECT_EQ(Sampler(o).batches(), 5);
}

} // namespace
} // namespace rossby
