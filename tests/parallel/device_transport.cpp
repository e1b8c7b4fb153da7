// ranks: 1 2 3 4
// The grouping, counts and offsets of device messages, over a transport that does with MPI what NCCL does with GPUs.
#include "support/tilings.hpp"

#include <rossby/comm/counters.hpp>
#include <rossby/comm/device_transport.hpp>
#include <rossby/dist/index_map.hpp>

#include <gtest/gtest.h>
#include <mpi.h>

#include <atomic>
#include <functional>
#include <numeric>

namespace rossby {
namespace {

using Counts = std::vector<index_t>;

/// Operations wait for the end of their group, as NCCL's do, and are then all started before one is waited for.
class Stand : public DeviceTransport {
public:
  struct Log {
    int transports = 0, groups = 0, operations = 0, open = 0, unwaited = 0;
  };
  Stand(Communicator const& ranks, Log& log)
      : rank_(ranks.rank()), comm_(*static_cast<MPI_Comm*>(ranks.native_handle())), log_(log)
  {
    ++log_.transports;
  }

  void begin(Exec const& exec) override
  {
    EXPECT_EQ(log_.open++, 0) << "groups don't nest";
    exec.fence();
  }
  std::shared_ptr<Ticket> end() override
  {
    EXPECT_EQ(log_.open--, 1);
    ++log_.groups;
    auto requests = std::make_shared<Requests>(log_);
    for (auto const& operation : queued_) // sends and receives overtake nothing: MPI keeps their order per pair
      operation(requests->add());
    queued_.clear();
    return requests;
  }

  void send(void const* data, std::size_t bytes, int to) override
  {
    queue(bytes, [=](MPI_Request* r) { MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, to, 5, comm_, r); });
  }
  void receive(void* data, std::size_t bytes, int from) override
  {
    queue(bytes, [=](MPI_Request* r) { MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, from, 5, comm_, r); });
  }
  void all_reduce_sum(void* data, std::size_t n, DType type) override
  {
    queue(n, [=](MPI_Request* r) {
      MPI_Iallreduce(MPI_IN_PLACE, data, static_cast<int>(n), type_of(type), MPI_SUM, comm_, r);
    });
  }
  void broadcast(void const* from, void* to, std::size_t n, DType type, int root) override
  {
    queue(n, [=](MPI_Request* r) {
      if (rank_ == root)
        std::copy_n(static_cast<char const*>(from), n * size_of(type), static_cast<char*>(to));
      MPI_Ibcast(to, static_cast<int>(n), type_of(type), root, comm_, r);
    });
  }
  void reduce_sum(void const* from, void* to, std::size_t n, DType type, int root) override
  {
    queue(n, [=](MPI_Request* r) {
      MPI_Ireduce(from, rank_ == root ? to : nullptr, static_cast<int>(n), type_of(type), MPI_SUM, root, comm_, r);
    });
  }
  void all_gather(void const* from, void* to, std::size_t n, DType type) override
  {
    int const count = static_cast<int>(n);
    queue(n, [=](MPI_Request* r) { MPI_Iallgather(from, count, type_of(type), to, count, type_of(type), comm_, r); });
  }
  void reduce_scatter_sum(void const* from, void* to, std::size_t n, DType type) override
  {
    queue(n, [=](MPI_Request* r) {
      MPI_Ireduce_scatter_block(from, to, static_cast<int>(n), type_of(type), MPI_SUM, comm_, r);
    });
  }

private:
  class Requests : public Ticket {
  public:
    explicit Requests(Log& log) : log_(log) { ++log_.unwaited; }
    MPI_Request* add() { return &list_.emplace_back(); }
    void wait(Exec const&) override
    {
      --log_.unwaited;
      waited_ = true;
      MPI_Waitall(static_cast<int>(list_.size()), list_.data(), MPI_STATUSES_IGNORE);
    }
    bool done() const override { return waited_; }

  private:
    Log& log_;
    std::vector<MPI_Request> list_;
    std::atomic<bool> waited_{false};
  };

  static MPI_Datatype type_of(DType d) { return d == DType::float64 ? MPI_DOUBLE : MPI_FLOAT; }
  void queue(std::size_t n, std::function<void(MPI_Request*)> operation)
  {
    EXPECT_GT(n, 0u);
    EXPECT_EQ(log_.open, 1) << "outside a group";
    ++log_.operations;
    queued_.push_back(std::move(operation));
  }

  int rank_;
  MPI_Comm comm_;
  Log& log_;
  std::vector<std::function<void(MPI_Request*)>> queued_;
};

index_t total(Counts const& counts) { return std::accumulate(counts.begin(), counts.end(), index_t{0}); }

std::vector<double> numbers(index_t n, double first)
{
  std::vector<double> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), first);
  return v;
}

/// Equal and unequal blocks, some empty; all on the last rank; none.
std::vector<Counts> block_sizes(int ranks)
{
  auto const n = static_cast<std::size_t>(ranks);
  Counts uneven(n), last(n, 0);
  for (std::size_t r = 0; r < n; ++r)
    uneven[r] = static_cast<index_t>(3 * r % 5);
  last.back() = 9;
  return {Counts(n, 4), uneven, last, Counts(n, 0)};
}

/// Groups made while this lives use stands; the group of all ranks, new.
class StandIn {
public:
  StandIn()
  {
    set_device_transport([this](Communicator const& ranks) { return std::make_unique<Stand>(ranks, log); });
  }
  ~StandIn() { set_device_transport({}); }
  Communicator group(std::string const& name) const
  {
    auto const world = Communicator::world();
    return world.split(0, world.rank()).named(name);
  }
  Stand::Log log;
};

TEST(DeviceTransport, CollectivesLikeThoseOfMpi)
{
  StandIn stand;
  auto const world = Communicator::world(), ranks = stand.group("stand");
  for (auto const dtype : {DType::float64, DType::float32})
    for (auto const& counts : block_sizes(world.size())) {
      auto const own = counts[static_cast<std::size_t>(world.rank())];
      auto const mine = Array::from_host(Exec(), dtype, {own}, numbers(own, 100.0 * world.rank()));
      auto const a = Array::zeros(Exec(), dtype, {total(counts)}), b = a.clone(Exec());
      world.all_gather(Exec(), mine, a, counts);
      ranks.start_all_gather(Exec(), mine, b, counts).wait();
      EXPECT_EQ(a.to_host(Exec()), b.to_host(Exec()));

      auto const whole = Array::from_host(Exec(), dtype, {total(counts)}, numbers(total(counts), 10.0 * world.rank()));
      auto const c = Array::zeros(Exec(), dtype, {own}), d = c.clone(Exec());
      world.reduce_scatter_sum(Exec(), whole, c, counts);
      ranks.reduce_scatter_sum(Exec(), whole, d, counts);
      EXPECT_EQ(c.to_host(Exec()), d.to_host(Exec()));

      auto const e = whole.clone(Exec()), f = whole.clone(Exec());
      world.all_reduce_sum(Exec(), e);
      ranks.all_reduce_sum(Exec(), f);
      EXPECT_EQ(e.to_host(Exec()), f.to_host(Exec()));
    }
  EXPECT_EQ(stand.log.transports, world.size() == 1 ? 0 : 1); // one for the group, none for a group of one
  EXPECT_EQ(stand.log.groups, world.size() == 1 ? 0 : 2 * 4 * 3);
  EXPECT_EQ(stand.log.unwaited, 0);
}

TEST(DeviceTransport, OneGroupOfOperationsForUnequalBlocks)
{
  StandIn stand;
  auto const ranks = stand.group("stand");
  bool const alone = ranks.size() == 1; // then nothing travels
  Counts counts(static_cast<std::size_t>(ranks.size()), 0);
  counts.front() += 2;
  counts.back() += 5;
  auto const mine = Array::zeros(Exec(), DType::float64, {counts[static_cast<std::size_t>(ranks.rank())]});
  auto const whole = Array::zeros(Exec(), DType::float64, {7});
  ranks.all_gather(Exec(), mine, whole, counts);
  EXPECT_EQ(stand.log.groups, alone ? 0 : 1);
  EXPECT_EQ(stand.log.operations, alone ? 0 : 2); // a broadcast from each rank that has something
  ranks.reduce_scatter_sum(Exec(), whole, mine, counts);
  EXPECT_EQ(stand.log.groups, alone ? 0 : 2);
  EXPECT_EQ(stand.log.operations, alone ? 0 : 4);
}

TEST(DeviceTransport, IndexMapsMoveTheSameBitsAndCountTheSame)
{
  StandIn stand;
  auto const world = Communicator::world(), ranks = stand.group("spatial");
  index_t const height = 11, width = 8, batch = 2, channels = 3;
  test::Draw draw(5);
  for (auto const& tiling : test::random_tilings(draw, height, width, world.size(), 12)) {
    Box const tile = tiling.box(world.rank());
    std::vector<index_t> wanted;
    for (index_t r = tile.row0 - 3; r < tile.row1 + 3; ++r)
      for (index_t c = tile.col0 - 3; c < tile.col1 + 3; ++c)
        wanted.push_back(r < 0 || r >= height ? IndexMap::nothing : r * width + (c + width) % width);
    IndexMap const by_mpi(Exec(), world, tiling, wanted), by_stand(Exec(), ranks, tiling, wanted);
    auto const x = Array::from_host(Exec(), DType::float64, {batch, by_mpi.sources(), channels},
                                    numbers(batch * by_mpi.sources() * channels, 1000.0 * world.rank()));
    auto const y = Array::zeros(Exec(), DType::float64, {batch, by_mpi.targets(), channels}), z = y.clone(Exec());
    by_mpi.apply(Exec(), x, y);
    auto const before = comm_costs(world);
    by_stand.apply(Exec(), x, z);
    auto const costs = difference(comm_costs(world), before);
    EXPECT_EQ(y.to_host(Exec()), z.to_host(Exec()));
    auto const counted = costs.find({"spatial", "exchange"});
    auto const bytes = counted == costs.end() ? 0 : counted->second.bytes;
    EXPECT_EQ(bytes,
              static_cast<std::int64_t>(batch * static_cast<index_t>(by_mpi.bytes_sent(channels, DType::float64))));
    auto const dx = Array::zeros(Exec(), DType::float64, x.shape()), dz = dx.clone(Exec());
    by_mpi.adjoint(Exec(), y, dx);
    by_stand.adjoint(Exec(), y, dz);
    EXPECT_EQ(dx.to_host(Exec()), dz.to_host(Exec()));
  }
  EXPECT_EQ(stand.log.unwaited, 0);
}

TEST(DeviceTransport, MessagesToOneselfAndEmptyOnes)
{
  StandIn stand;
  auto const ranks = stand.group("stand");
  auto const next = (ranks.rank() + 1) % ranks.size(), previous = (ranks.rank() + ranks.size() - 1) % ranks.size();
  auto const out = Array::from_host(Exec(), DType::float64, {2}, {1.0 * ranks.rank(), -1});
  auto const from_previous = Array::zeros(Exec(), DType::float64, {1}), from_self = from_previous.clone(Exec());
  auto const second = out.slice(1, {1});
  ranks
      .start(Exec(), {{next, out.data(), 8}, {next, nullptr, 0}, {ranks.rank(), second.data(), 8}},
             {{previous, from_previous.data(), 8}, {previous, nullptr, 0}, {ranks.rank(), from_self.data(), 8}})
      .wait();
  EXPECT_EQ(from_previous.to_host(Exec()), std::vector<double>{1.0 * previous});
  EXPECT_EQ(from_self.to_host(Exec()), std::vector<double>{-1});
}

} // namespace
} // namespace rossby
