// ranks: 1 2 3 4
// Groups made from a host program's communicators, exchanges that nobody waits for, and errors of every type.
#include <rossby/comm/agree.hpp>
#include <rossby/comm/counters.hpp>
#include <rossby/mpi.hpp>

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace rossby {
namespace {

struct HostRanks {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0, size = 1;
  HostRanks()
  {
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
  }
  HostRanks(HostRanks const&) = delete;
  HostRanks& operator=(HostRanks const&) = delete;
  ~HostRanks()
  {
    if (comm != MPI_COMM_NULL)
      MPI_Comm_free(&comm);
  }
};

int freed = 0;
int count_free(MPI_Comm, int, void*, void*)
{
  ++freed;
  return MPI_SUCCESS;
}

TEST(HostCommunicators, SomeRanksOfAHost)
{
  HostRanks const host;
  bool const ours = host.rank > 0 || host.size == 1;
  MPI_Comm part = MPI_COMM_NULL;
  MPI_Comm_split(host.comm, ours ? 0 : MPI_UNDEFINED, 0, &part);
  if (ours) { // the first rank does something else meanwhile
    auto const ranks = borrow(part, "models");
    int const size = host.size == 1 ? 1 : host.size - 1;
    EXPECT_EQ(ranks.size(), size);
    EXPECT_EQ(ranks.name(), "models");
    auto const a = Array::from_host(Exec(), DType::float64, {2}, {1, 2.0 * ranks.rank()});
    ranks.all_reduce_sum(Exec(), a);
    EXPECT_EQ(a.to_host(Exec()), (std::vector<double>{1.0 * size, 1.0 * size * (size - 1)}));
    auto const grid = Communicator::cartesian(ranks, {1, size}, {false, true});
    EXPECT_EQ(grid.coordinates(), (std::vector<int>{0, ranks.rank()}));
    EXPECT_EQ(grid.sub({true, false}).size(), 1);
    MPI_Comm_free(&part); // the host's own
    ranks.barrier();
  }
}

TEST(HostCommunicators, MessagesOfHostAndGuestDontMeet)
{
  HostRanks const host;
  auto const ranks = borrow(host.comm);
  int const next = (host.rank + 1) % host.size, before = (host.rank + host.size - 1) % host.size;
  int received = -1;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Irecv(&received, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, host.comm, &request); // would take anything
  auto const out = Array::from_host(Exec(), DType::float64, {1}, {10.0 + host.rank}),
             in = Array::zeros(Exec(), DType::float64, {1});
  ranks.start(Exec(), {{next, out.data(), 8}}, {{before, in.data(), 8}}).wait();
  EXPECT_EQ(in.to_host(Exec()), std::vector<double>{10.0 + before});
  MPI_Send(&host.rank, 1, MPI_INT, next, 5, host.comm);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  EXPECT_EQ(received, before);
}

TEST(HostCommunicators, OwnedHandlesGoWithTheLastGroup)
{
  HostRanks host;
  int key = MPI_KEYVAL_INVALID;
  MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, count_free, &key, nullptr);
  MPI_Comm_set_attr(host.comm, key, nullptr);
  freed = 0;
  {
    auto const borrowed = borrow(host.comm);
    borrowed.barrier();
  }
  EXPECT_EQ(freed, 0);
  {
    auto const owned = own(std::exchange(host.comm, MPI_COMM_NULL)).named("other");
    auto const part = owned.split(0, 0);
    EXPECT_EQ(freed, owned.size() == 1 ? 1 : 0); // a group of one needs none
  }
  EXPECT_EQ(freed, 1);
  MPI_Comm_free_keyval(&key);
}

TEST(HostCommunicators, NoHandleIsRefused) { EXPECT_THROW(borrow(MPI_COMM_NULL), Error); }

TEST(HostCommunicators, CountAlone)
{
  HostRanks const host;
  auto const one = borrow(host.comm), other = borrow(host.comm);
  one.named("a").barrier();
  one.split(0, 0).named("b").barrier();
  bool const alone = host.size == 1;
  EXPECT_EQ(comm_costs(one).count({"a", "barrier"}), alone ? 0u : 1u);
  EXPECT_EQ(comm_costs(one).count({"b", "barrier"}), alone ? 0u : 1u);
  EXPECT_TRUE(comm_costs(other).empty());
}

TEST(HostCommunicators, AnExchangeThatNobodyWaitsForHasEnded)
{
  auto const world = Communicator::world();
  index_t const n = 1 << 21; // large enough to be under way for a while
  auto const a = Array::empty(DType::float64, {n});
  a.fill(Exec(), 1.0);
  try {
    auto const dropped = world.start_all_reduce_sum(Exec(), a);
    throw std::runtime_error("all ranks fail here");
  } catch (std::runtime_error const&) {
    auto const values = a.to_host(Exec());
    EXPECT_EQ(values.front(), world.size());
    EXPECT_EQ(values.back(), world.size());
  }
  a.fill(Exec(), 1.0);
  {
    auto const dropped = world.start_all_reduce_sum(Exec(), a);
  }
  EXPECT_EQ(a.to_host(Exec()).back(), world.size());
  a.fill(Exec(), 1.0);
  auto exchange = world.start_all_reduce_sum(Exec(), a);
  exchange = {};
  EXPECT_EQ(a.to_host(Exec()).back(), world.size());
}

template <class Thrown> void expect_heard(Thrown const& thrown, std::string const& text)
{
  auto const world = Communicator::world();
  int const failing = world.size() - 1;
  try {
    collectively(world, [&] {
      if (world.rank() == failing)
        throw thrown;
    });
    FAIL() << "rank " << world.rank() << " heard nothing";
  } catch (Error const& e) {
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
  }
}

TEST(HostCommunicators, ErrorsOfAnyTypeReachAllRanks)
{
  expect_heard(Error("here", "is wrong", "mend it"), "here: is wrong\n  fix: mend it");
  expect_heard(std::bad_alloc(), "out of memory");
  expect_heard(std::out_of_range("vector::at"), "vector::at");
  expect_heard(42, "unknown type");
}

} // namespace
} // namespace rossby
