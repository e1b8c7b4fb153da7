// ranks: 1 2 4
#include <rossby/comm/communicator.hpp>
#include <rossby/comm/runtime.hpp>

#include <gtest/gtest.h>

#include <numeric>

namespace rossby {
namespace {

TEST(Communicator, HostReductions)
{
  auto const world = Communicator::world();
  double const n = world.size();
  std::vector<double> v{world.rank() + 1.0, -1.0};
  world.all_reduce_sum(v.data(), v.size());
  EXPECT_EQ(v, (std::vector<double>{n * (n + 1) / 2, -n}));
  std::int64_t big = std::int64_t{1} << 60 | world.rank();
  if (world.rank() != 0)
    big = 1;
  world.all_reduce_sum(&big, 1);
  EXPECT_EQ(big, (std::int64_t{1} << 60) + world.size() - 1);
  double high = world.rank(), low = world.rank();
  world.all_reduce_max(&high, 1);
  world.all_reduce_min(&low, 1);
  EXPECT_EQ(high, n - 1);
  EXPECT_EQ(low, 0);
}

TEST(Communicator, BroadcastAndGather)
{
  auto const world = Communicator::world();
  int const root = world.size() - 1;
  std::string text = world.rank() == root ? "from the last" : "x";
  world.broadcast(text, root);
  EXPECT_EQ(text, "from the last");

  auto const numbers = world.all_gather(std::vector<double>{1.0 * world.rank(), 0.5});
  ASSERT_EQ(numbers.size(), 2u * static_cast<std::size_t>(world.size()));
  for (int r = 0; r < world.size(); ++r)
    EXPECT_EQ(numbers[2 * static_cast<std::size_t>(r)], r);

  int const final_rank = world.size() - 1;
  auto const parts =
      world.gather(std::vector<double>(static_cast<std::size_t>(world.rank()), 7.0 + world.rank()), final_rank);
  ASSERT_EQ(parts.size(), static_cast<std::size_t>(world.rank() == final_rank ? world.size() : 0));
  for (std::size_t r = 0; r < parts.size(); ++r)
    EXPECT_EQ(parts[r], std::vector<double>(r, 7.0 + static_cast<double>(r)));
  auto const texts = world.all_gather(std::string(static_cast<std::size_t>(world.rank()), 'a'));
  for (int r = 0; r < world.size(); ++r)
    EXPECT_EQ(texts[static_cast<std::size_t>(r)].size(), static_cast<std::size_t>(r)); // rank 0's is empty
}

TEST(Communicator, AllToAll)
{
  auto const world = Communicator::world();
  std::vector<std::vector<index_t>> send;
  for (int r = 0; r < world.size(); ++r)
    send.emplace_back(static_cast<std::size_t>(r), index_t{100} * world.rank() + r); // rank 0 gets nothing
  auto const got = world.all_to_all(send);
  for (int r = 0; r < world.size(); ++r)
    EXPECT_EQ(got[static_cast<std::size_t>(r)],
              std::vector<index_t>(static_cast<std::size_t>(world.rank()), index_t{100} * r + world.rank()));
}

TEST(Communicator, Split)
{
  auto const world = Communicator::world();
  auto const part = world.split(world.rank() % 2, -world.rank());
  EXPECT_EQ(part.size(), (world.size() + 1 - world.rank() % 2) / 2);
  double highest = world.rank();
  part.broadcast(&highest, sizeof highest, 0); // ordered by key: the highest rank comes first
  EXPECT_EQ(highest, world.rank() % 2 == 0 ? (world.size() - 1) / 2 * 2 : (world.size() - 2) / 2 * 2 + 1);
}

TEST(Communicator, DeviceReduction)
{
  auto const world = Communicator::world();
  for (auto const dtype : {DType::float64, DType::float32}) {
    auto const a = Array::from_host(Exec(), dtype, {2, 3}, {0, 1, 2, 3, 4, 1.0 * world.rank()});
    world.all_reduce_sum(Exec(), a);
    double const n = world.size();
    EXPECT_EQ(a.to_host(Exec()), (std::vector<double>{0, n, 2 * n, 3 * n, 4 * n, n * (n - 1) / 2}));
  }
}

TEST(Communicator, ExchangeWithAllIncludingMyself)
{
  auto const world = Communicator::world();
  index_t const n = 1000;
  std::vector<Array> out, in;
  std::vector<Communicator::Message> sends, receives;
  for (int peer = 0; peer < world.size(); ++peer)
    for (int twice = 0; twice < 2; ++twice) { // two messages to one peer keep their order
      std::vector<double> values(static_cast<std::size_t>(n));
      std::iota(values.begin(), values.end(), 1e6 * world.rank() + 1e4 * peer + 1e8 * twice);
      out.push_back(Array::from_host(Exec(), DType::float64, {n}, values));
      in.push_back(Array::zeros(Exec(), DType::float64, {n}));
      sends.push_back({peer, out.back().data(), out.back().bytes()});
      receives.push_back({peer, in.back().data(), in.back().bytes()});
    }
  auto exchange = world.start(Exec(), sends, receives);
  exchange.wait();
  exchange.wait(); // a second wait is harmless
  for (int peer = 0; peer < world.size(); ++peer)
    for (int twice = 0; twice < 2; ++twice) {
      auto const got = in[2 * static_cast<std::size_t>(peer) + static_cast<std::size_t>(twice)].to_host(Exec());
      EXPECT_EQ(got.front(), 1e6 * peer + 1e4 * world.rank() + 1e8 * twice);
      EXPECT_EQ(got.back(), got.front() + n - 1);
    }
}

TEST(Communicator, AllRanksArrive)
{
  EXPECT_TRUE(all_ranks_arrive(60));
  EXPECT_TRUE(all_ranks_arrive(60));
}

TEST(Communicator, EmptyMessagesAndSelf)
{
  Communicator const self;
  EXPECT_EQ(self.size(), 1);
  auto const a = Array::from_host(Exec(), DType::float32, {3}, {1, 2, 3});
  auto const b = Array::zeros(Exec(), DType::float32, {3});
  auto exchange =
      self.start(Exec(), {{0, a.data(), a.bytes()}, {0, nullptr, 0}}, {{0, b.data(), b.bytes()}, {0, nullptr, 0}});
  exchange.wait();
  EXPECT_EQ(b.to_host(Exec()), a.to_host(Exec()));
}

} // namespace
} // namespace rossby
