#include "blocks.hpp"
#include "communicator_mpi.hpp"

namespace rossby {

using mpi::as_count;
using mpi::check;
using mpi::in_pieces;
using mpi::Transfer;
using mpi::Transported;

namespace {
/// MPI's blocking collectives use better algorithms than its non-blocking ones: both are called.
enum class Mode { blocking, started };
using Pending = std::shared_ptr<Communicator::Exchange::State>;

struct Blocks {
  std::vector<int> counts, starts;

  Blocks(std::vector<index_t> const& elements, char const* operation)
  {
    for (auto const n : elements)
      counts.push_back(as_count(static_cast<std::size_t>(n), operation));
    starts = mpi::starts_of(counts, operation);
  }
};

Pending sum_everywhere(Exec const& exec, Communicator const& group, Communicator::Impl const& ranks, Array const& array,
                       Mode mode)
{
  auto const site = ranks.site("all_reduce");
  if (auto* const transport = mpi::transport_of(group, ranks))
    return std::make_shared<Transported>(exec, site, 1, array.bytes(), std::vector<Array>{array},
                                         [&] { return transported::all_reduce_sum(*transport, exec, array); });
  auto transfer = std::make_shared<Transfer>(exec, site);
  transfer->keep(array);
  char* const values = transfer->in_place(array.data(), array.bytes());
  transfer->ready();
  Call const call(transfer->site(), 1, array.bytes());
  auto const type = mpi::datatype(array.dtype());
  in_pieces(static_cast<std::size_t>(array.size()), [&](std::size_t begin, int count) {
    char* const part = values + begin * size_of(array.dtype());
    check(mode == Mode::blocking
              ? MPI_Allreduce(MPI_IN_PLACE, part, count, type, MPI_SUM, ranks.group->comm)
              : MPI_Iallreduce(MPI_IN_PLACE, part, count, type, MPI_SUM, ranks.group->comm, transfer->request()),
          "all_reduce");
  });
  return transfer;
}

Pending gather_blocks(Exec const& exec, Communicator const& group, Communicator::Impl const& ranks, Array const& mine,
                      Array const& whole, std::vector<index_t> const& counts, Mode mode)
{
  auto const site = ranks.site("all_gather");
  if (auto* const transport = mpi::transport_of(group, ranks))
    return std::make_shared<Transported>(exec, site, 1, mine.bytes(), std::vector<Array>{mine, whole}, [&] {
      return transported::all_gather(*transport, exec, mine, whole, counts);
    });
  Blocks const blocks(counts, "all_gather");
  auto transfer = std::make_shared<Transfer>(exec, site);
  transfer->keep(mine);
  transfer->keep(whole);
  char const* const from = transfer->outgoing(mine.data(), mine.bytes());
  char* const to = transfer->incoming(whole.data(), whole.bytes());
  transfer->ready();
  Call const call(transfer->site(), 1, mine.bytes());
  auto const type = mpi::datatype(mine.dtype());
  int const own = static_cast<int>(mine.size());
  int const *const sizes = blocks.counts.data(), *const starts = blocks.starts.data();
  check(mode == Mode::blocking
            ? MPI_Allgatherv(from, own, type, to, sizes, starts, type, ranks.group->comm)
            : MPI_Iallgatherv(from, own, type, to, sizes, starts, type, ranks.group->comm, transfer->request()),
        "all_gather");
  return transfer;
}

Pending scatter_sums(Exec const& exec, Communicator const& group, Communicator::Impl const& ranks, Array const& whole,
                     Array const& mine, std::vector<index_t> const& counts, Mode mode)
{
  auto const site = ranks.site("reduce_scatter");
  if (auto* const transport = mpi::transport_of(group, ranks))
    return std::make_shared<Transported>(exec, site, 1, whole.bytes(), std::vector<Array>{whole, mine}, [&] {
      return transported::reduce_scatter_sum(*transport, exec, whole, mine, counts);
    });
  Blocks const blocks(counts, "reduce_scatter");
  auto transfer = std::make_shared<Transfer>(exec, site);
  transfer->keep(whole);
  transfer->keep(mine);
  char const* const from = transfer->outgoing(whole.data(), whole.bytes());
  char* const to = transfer->incoming(mine.data(), mine.bytes());
  transfer->ready();
  Call const call(transfer->site(), 1, whole.bytes());
  auto const type = mpi::datatype(mine.dtype());
  check(mode == Mode::blocking ? MPI_Reduce_scatter(from, to, blocks.counts.data(), type, MPI_SUM, ranks.group->comm)
                               : MPI_Ireduce_scatter(from, to, blocks.counts.data(), type, MPI_SUM, ranks.group->comm,
                                                     transfer->request()),
        "reduce_scatter");
  return transfer;
}
} // namespace

void Communicator::all_reduce_sum(Exec const& exec, Array const& array) const
{
  if (size() > 1)
    sum_everywhere(exec, *this, *impl_, array, Mode::blocking)->wait();
}

Communicator::Exchange Communicator::start_all_reduce_sum(Exec const& exec, Array const& array) const
{
  return size() > 1 ? Exchange(sum_everywhere(exec, *this, *impl_, array, Mode::started)) : Exchange();
}

void Communicator::all_gather(Exec const& exec, Array const& mine, Array const& whole,
                              std::vector<index_t> const& counts) const
{
  expect_blocks(*this, whole, mine, counts);
  if (size() > 1)
    gather_blocks(exec, *this, *impl_, mine, whole, counts, Mode::blocking)->wait();
  else
    copy_whole(exec, mine, whole);
}

Communicator::Exchange Communicator::start_all_gather(Exec const& exec, Array const& mine, Array const& whole,
                                                      std::vector<index_t> const& counts) const
{
  expect_blocks(*this, whole, mine, counts);
  if (size() > 1)
    return Exchange(gather_blocks(exec, *this, *impl_, mine, whole, counts, Mode::started));
  copy_whole(exec, mine, whole);
  return {};
}

void Communicator::reduce_scatter_sum(Exec const& exec, Array const& whole, Array const& mine,
                                      std::vector<index_t> const& counts) const
{
  expect_blocks(*this, whole, mine, counts);
  if (size() > 1)
    scatter_sums(exec, *this, *impl_, whole, mine, counts, Mode::blocking)->wait();
  else
    copy_whole(exec, whole, mine);
}

Communicator::Exchange Communicator::start_reduce_scatter_sum(Exec const& exec, Array const& whole, Array const& mine,
                                                              std::vector<index_t> const& counts) const
{
  expect_blocks(*this, whole, mine, counts);
  if (size() > 1)
    return Exchange(scatter_sums(exec, *this, *impl_, whole, mine, counts, Mode::started));
  copy_whole(exec, whole, mine);
  return {};
}

} // namespace rossby
