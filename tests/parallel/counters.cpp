// ranks: 1 2 3 4
#include "support/tilings.hpp"

#include <rossby/comm/counters.hpp>
#include <rossby/dist/index_map.hpp>

#include <gtest/gtest.h>

#include <numeric>

namespace rossby {
namespace {

/// What `f` cost this rank in (group, operation).
template <class F> CommCost cost_of(std::string const& group, std::string const& operation, F&& f)
{
  auto const before = comm_costs(Communicator::world());
  f();
  auto const costs = difference(comm_costs(Communicator::world()), before);
  auto const found = costs.find({group, operation});
  return found == costs.end() ? CommCost{} : found->second;
}

void expect(CommCost const& cost, std::int64_t calls, std::int64_t messages, std::size_t bytes)
{
  bool const alone = Communicator::world().size() == 1; // then nothing travels
  EXPECT_EQ(cost.calls, alone ? 0 : calls);
  EXPECT_EQ(cost.messages, alone ? 0 : messages);
  EXPECT_EQ(cost.bytes, alone ? 0 : static_cast<std::int64_t>(bytes));
  EXPECT_EQ(cost.seconds > 0, !alone && calls > 0);
}

TEST(Counters, CollectivesOnDeviceArrays)
{
  auto const ranks = Communicator::world().named("replicas");
  std::vector<index_t> counts;
  for (int r = 0; r < ranks.size(); ++r)
    counts.push_back(3 * r);
  auto const own = counts[static_cast<std::size_t>(ranks.rank())];
  auto const sum = std::accumulate(counts.begin(), counts.end(), index_t{0});
  for (auto const dtype : {DType::float64, DType::float32}) {
    auto const width = size_of(dtype);
    auto const mine = Array::zeros(Exec(), dtype, {own}), whole = Array::zeros(Exec(), dtype, {sum});
    auto const own_bytes = static_cast<std::size_t>(own) * width, all_bytes = static_cast<std::size_t>(sum) * width;
    expect(cost_of("replicas", "all_reduce", [&] { ranks.all_reduce_sum(Exec(), whole); }), 1, 1, all_bytes);
    expect(cost_of("replicas", "all_reduce", [&] { ranks.start_all_reduce_sum(Exec(), whole).wait(); }), 1, 1,
           all_bytes);
    expect(cost_of("replicas", "all_gather", [&] { ranks.all_gather(Exec(), mine, whole, counts); }), 1, 1, own_bytes);
    expect(cost_of("replicas", "all_gather", [&] { ranks.start_all_gather(Exec(), mine, whole, counts).wait(); }), 1, 1,
           own_bytes);
    expect(cost_of("replicas", "reduce_scatter", [&] { ranks.reduce_scatter_sum(Exec(), whole, mine, counts); }), 1, 1,
           all_bytes);
    expect(cost_of("replicas", "reduce_scatter",
                   [&] { ranks.start_reduce_scatter_sum(Exec(), whole, mine, counts).wait(); }),
           1, 1, all_bytes);
  }
}

TEST(Counters, HostCalls)
{
  auto const ranks = Communicator::world().named("host");
  auto const n = static_cast<std::size_t>(ranks.size());
  std::vector<double> values(5);
  std::int64_t number = 1;
  expect(cost_of("host", "host all_reduce", [&] { ranks.all_reduce_sum(values.data(), 5); }), 1, 1, 40);
  expect(cost_of("host", "host all_reduce", [&] { ranks.all_reduce_sum(&number, 1); }), 1, 1, 8);
  expect(cost_of("host", "host all_gather", [&] { ranks.all_gather(values); }), 1, 1, 40);
  expect(cost_of("host", "host all_gather", [&] { ranks.all_gather(std::string("abc")); }), 1, 1, 3);
  expect(cost_of("host", "host gather", [&] { ranks.gather(values, 0); }), 1, 1, ranks.rank() == 0 ? 0 : 40);
  expect(cost_of("host", "host broadcast", [&] { ranks.broadcast(values.data(), 40, 0); }), 1, 1,
         ranks.rank() == 0 ? 40 : 0);
  std::vector<std::vector<index_t>> const send(n, std::vector<index_t>(2));
  expect(cost_of("host", "host all_to_all", [&] { ranks.all_to_all(send); }), 1, 1, 16 * (n - 1));
  expect(cost_of("host", "barrier", [&] { ranks.barrier(); }), 1, 1, 0);
}

TEST(Counters, IndexMapsSendWhatTheySay)
{
  auto const world = Communicator::world();
  auto const ranks = world.named("spatial");
  index_t const height = 13, width = 10, batch = 2, channels = 3;
  test::Draw draw(11);
  for (auto const& tiling : test::random_tilings(draw, height, width, world.size(), 12)) {
    Box const mine = tiling.box(world.rank());
    std::vector<index_t> wanted; // my tile with two more rows and columns around it, longitude wrapping
    for (index_t r = mine.row0 - 2; r < mine.row1 + 2; ++r)
      for (index_t c = mine.col0 - 2; c < mine.col1 + 2; ++c)
        wanted.push_back(r < 0 || r >= height ? IndexMap::nothing : r * width + (c + width) % width);
    IndexMap const map(Exec(), ranks, tiling, wanted);
    for (auto const dtype : {DType::float64, DType::float32}) {
      auto const x = Array::zeros(Exec(), dtype, {batch, map.sources(), channels});
      auto const y = Array::zeros(Exec(), dtype, {batch, map.targets(), channels});
      auto const forward = cost_of("spatial", "exchange", [&] { map.apply(Exec(), x, y); });
      auto const backward = cost_of("spatial", "exchange", [&] { map.adjoint(Exec(), y, x); });
      auto const sample = map.bytes_sent(channels, dtype);
      expect(forward, 1, forward.messages, static_cast<std::size_t>(batch) * sample);
      EXPECT_EQ(forward.messages > 0, sample > 0);
      EXPECT_LE(forward.messages, world.size() - 1);
      // What went out comes back: summed over ranks, both ways are alike.
      std::int64_t sums[] = {forward.bytes, backward.bytes, forward.messages, backward.messages};
      world.all_reduce_sum(sums, 4);
      EXPECT_EQ(sums[0], sums[1]);
      EXPECT_EQ(sums[2], sums[3]);
    }
  }
}

TEST(Counters, TotalsOverRanksAndReset)
{
  auto const world = Communicator::world();
  auto const ranks = world.named("totals");
  auto const a = Array::zeros(Exec(), DType::float32, {7});
  ranks.all_reduce_sum(Exec(), a);
  if (world.rank() == 0) // a group that the others don't know
    Communicator().named("only here").barrier();
  auto const all = over_ranks(world, comm_costs(Communicator::world()));
  if (world.size() > 1) {
    auto const& cost = all.at({"totals", "all_reduce"});
    EXPECT_EQ(cost.calls, 1);
    EXPECT_EQ(cost.messages, world.size());
    EXPECT_EQ(cost.bytes, 28 * world.size());
    EXPECT_NE(to_table(all).find("totals"), std::string::npos);
  } else {
    EXPECT_TRUE(all.empty());
  }
  reset_comm_costs(Communicator::world());
  EXPECT_TRUE(comm_costs(Communicator::world()).empty());
  EXPECT_EQ(to_table({}), "nothing was sent");
}

} // namespace
} // namespace rossby
