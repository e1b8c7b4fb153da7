// ranks: 1 2 3 4
#include <rossby/comm/communicator.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace rossby {
namespace {

using Counts = std::vector<index_t>;

/// Block sizes for a group: even, uneven, with empty blocks, and all on one rank.
std::vector<Counts> block_sizes(int ranks)
{
  auto const n = static_cast<std::size_t>(ranks);
  Counts even(n, 3), uneven(n), holes(n), last(n, 0);
  for (std::size_t r = 0; r < n; ++r) {
    uneven[r] = 1 + static_cast<index_t>(5 * r % 7);
    holes[r] = r % 2 == 0 ? 0 : 4;
  }
  last.back() = 11;
  return {even, uneven, holes, last, Counts(n, 0)};
}

index_t total(Counts const& counts) { return std::accumulate(counts.begin(), counts.end(), index_t{0}); }

/// Values that depend on who, what and where; some of them large, so that a misplaced one shows.
std::vector<double> numbers(index_t n, int rank, double salt)
{
  std::vector<double> v(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < v.size(); ++i)
    v[i] = std::sin(salt + 1.7 * rank + 0.9 * static_cast<double>(i)) + (i % 3 == 0 ? 8 : 0);
  return v;
}

double dot(std::vector<double> const& a, std::vector<double> const& b)
{
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

TEST(Collectives, GatherPutsBlocksInRankOrder)
{
  auto const world = Communicator::world();
  for (auto const dtype : {DType::float64, DType::float32})
    for (auto const& counts : block_sizes(world.size()))
      for (bool const started : {false, true}) {
        std::vector<double> expected;
        for (int r = 0; r < world.size(); ++r)
          for (index_t i = 0; i < counts[static_cast<std::size_t>(r)]; ++i)
            expected.push_back(100.0 * r + static_cast<double>(i));
        auto const own = counts[static_cast<std::size_t>(world.rank())];
        std::vector<double> values(static_cast<std::size_t>(own));
        std::iota(values.begin(), values.end(), 100.0 * world.rank());
        auto mine = Array::from_host(Exec(), dtype, {own}, values);
        auto const whole = Array::zeros(Exec(), dtype, {total(counts)});
        if (started) {
          auto exchange = world.start_all_gather(Exec(), mine, whole, counts);
          mine = {}; // the exchange keeps it
          auto const scribble = Array::from_host(Exec(), dtype, {own}, std::vector<double>(values.size(), -1.0));
          exchange.wait();
        } else {
          world.all_gather(Exec(), mine, whole, counts);
        }
        EXPECT_EQ(whole.to_host(Exec()), expected);
      }
}

TEST(Collectives, ReduceScatterSumsEveryBlock)
{
  auto const world = Communicator::world();
  double const ranks = world.size();
  for (auto const dtype : {DType::float64, DType::float32})
    for (auto const& counts : block_sizes(world.size()))
      for (bool const started : {false, true}) {
        std::vector<double> values(static_cast<std::size_t>(total(counts)));
        std::iota(values.begin(), values.end(), 1000.0 * world.rank());
        auto const whole = Array::from_host(Exec(), dtype, {total(counts)}, values);
        auto const own = counts[static_cast<std::size_t>(world.rank())];
        auto const mine = Array::zeros(Exec(), dtype, {own});
        if (started)
          world.start_reduce_scatter_sum(Exec(), whole, mine, counts).wait();
        else
          world.reduce_scatter_sum(Exec(), whole, mine, counts);
        auto const begin = std::accumulate(counts.begin(), counts.begin() + world.rank(), index_t{0});
        std::vector<double> expected;
        for (index_t i = begin; i < begin + own; ++i)
          expected.push_back(ranks * static_cast<double>(i) + 1000 * ranks * (ranks - 1) / 2);
        EXPECT_EQ(mine.to_host(Exec()), expected);
        EXPECT_EQ(whole.to_host(Exec()), values); // what is summed is left alone
      }
}

// <G x, y> = <x, R y> over all ranks, with G the gather and R the reduce-scatter of the same blocks.
TEST(Collectives, GatherAndReduceScatterAreAdjoint)
{
  auto const world = Communicator::world();
  for (auto const& counts : block_sizes(world.size())) {
    auto const own = counts[static_cast<std::size_t>(world.rank())];
    auto const x = numbers(own, world.rank(), 0.3), y = numbers(total(counts), world.rank(), 2.1);
    auto const gathered = Array::zeros(Exec(), DType::float64, {total(counts)});
    auto const scattered = Array::zeros(Exec(), DType::float64, {own});
    world.all_gather(Exec(), Array::from_host(Exec(), DType::float64, {own}, x), gathered, counts);
    world.reduce_scatter_sum(Exec(), Array::from_host(Exec(), DType::float64, {total(counts)}, y), scattered, counts);
    double sides[] = {dot(gathered.to_host(Exec()), y), dot(x, scattered.to_host(Exec()))};
    world.all_reduce_sum(sides, 2);
    EXPECT_NEAR(sides[0], sides[1], 1e-13 * std::max(1.0, std::abs(sides[0])));
  }
}

TEST(Collectives, StartedReductionsFinishInAnyOrderOfWaiting)
{
  auto const world = Communicator::world();
  double const n = world.size();
  std::vector<Array> arrays;
  std::vector<Communicator::Exchange> started;
  for (int i = 0; i < 4; ++i) {
    arrays.push_back(Array::from_host(Exec(), i % 2 ? DType::float32 : DType::float64, {i, 5},
                                      std::vector<double>(static_cast<std::size_t>(5 * i), world.rank() + 10.0 * i)));
    started.push_back(world.start_all_reduce_sum(Exec(), arrays.back()));
  }
  for (std::size_t i = 4; i-- > 0;) {
    started[i].wait();
    EXPECT_EQ(arrays[i].to_host(Exec()),
              std::vector<double>(5 * i, n * (n - 1) / 2 + 10.0 * n * static_cast<double>(i)));
  }
}

TEST(Collectives, RepeatsGiveTheSameBits)
{
  auto const world = Communicator::world();
  index_t const n = 10007;
  auto const values = numbers(n, world.rank(), 0.77);
  std::vector<double> first;
  for (int repeat = 0; repeat < 3; ++repeat) {
    auto const a = Array::from_host(Exec(), DType::float64, {n}, values);
    world.all_reduce_sum(Exec(), a);
    if (repeat == 0)
      first = a.to_host(Exec());
    EXPECT_EQ(a.to_host(Exec()), first);
  }
}

} // namespace
} // namespace rossby
