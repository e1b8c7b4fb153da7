#include "communicator_mpi.hpp"

namespace rossby {

using mpi::as_count;
using mpi::check;
using mpi::in_pieces;
using mpi::starts_of;

namespace {
template <class T> void reduce(Communicator::Impl const& ranks, T* values, std::size_t n, MPI_Datatype type, MPI_Op op)
{
  if (ranks.alone())
    return;
  auto const site = ranks.site("host all_reduce");
  Call const call(site, 1, n * sizeof(T));
  in_pieces(n, [&](std::size_t begin, int count) {
    check(MPI_Allreduce(MPI_IN_PLACE, values + begin, count, type, op, ranks.group->comm), "all_reduce");
  });
}
} // namespace

void Communicator::barrier() const
{
  if (impl_->alone())
    return;
  auto const site = impl_->site("barrier");
  Call const call(site, 1, 0);
  check(MPI_Barrier(impl_->group->comm), "barrier");
}

void Communicator::all_reduce_sum(double* v, std::size_t n) const { reduce(*impl_, v, n, MPI_DOUBLE, MPI_SUM); }
void Communicator::all_reduce_sum(std::int64_t* v, std::size_t n) const { reduce(*impl_, v, n, MPI_INT64_T, MPI_SUM); }
void Communicator::all_reduce_max(double* v, std::size_t n) const { reduce(*impl_, v, n, MPI_DOUBLE, MPI_MAX); }
void Communicator::all_reduce_min(double* v, std::size_t n) const { reduce(*impl_, v, n, MPI_DOUBLE, MPI_MIN); }

void Communicator::broadcast(void* data, std::size_t bytes, int root) const
{
  if (impl_->alone())
    return;
  auto const site = impl_->site("host broadcast");
  Call const call(site, 1, rank() == root ? bytes : 0);
  in_pieces(bytes, [&](std::size_t begin, int count) {
    check(MPI_Bcast(static_cast<char*>(data) + begin, count, MPI_BYTE, root, impl_->group->comm), "broadcast");
  });
}

void Communicator::broadcast(std::string& text, int root) const
{
  std::uint64_t length = text.size();
  broadcast(&length, sizeof length, root);
  text.resize(length);
  broadcast(text.data(), length, root);
}

std::vector<double> Communicator::all_gather(std::vector<double> const& mine) const
{
  if (impl_->alone())
    return mine;
  auto const site = impl_->site("host all_gather");
  Call const call(site, 1, mine.size() * sizeof(double));
  std::vector<double> all(mine.size() * static_cast<std::size_t>(size()));
  int const n = as_count(mine.size(), "all_gather");
  check(MPI_Allgather(mine.data(), n, MPI_DOUBLE, all.data(), n, MPI_DOUBLE, impl_->group->comm), "all_gather");
  return all;
}

std::vector<std::string> Communicator::all_gather(std::string const& mine) const
{
  if (impl_->alone())
    return {mine};
  auto const site = impl_->site("host all_gather");
  Call const call(site, 1, mine.size());
  auto const ranks = static_cast<std::size_t>(size());
  int const n = as_count(mine.size(), "all_gather");
  std::vector<int> counts(ranks);
  check(MPI_Allgather(&n, 1, MPI_INT, counts.data(), 1, MPI_INT, impl_->group->comm), "all_gather");
  auto const starts = starts_of(counts, "all_gather");
  std::string joined(static_cast<std::size_t>(starts.back() + counts.back()), '\0');
  check(MPI_Allgatherv(mine.data(), n, MPI_CHAR, joined.data(), counts.data(), starts.data(), MPI_CHAR,
                       impl_->group->comm),
        "all_gather");
  std::vector<std::string> all;
  for (std::size_t r = 0; r < ranks; ++r)
    all.push_back(joined.substr(static_cast<std::size_t>(starts[r]), static_cast<std::size_t>(counts[r])));
  return all;
}

std::vector<std::vector<double>> Communicator::gather(std::vector<double> const& mine, int root) const
{
  if (impl_->alone())
    return {mine};
  auto const site = impl_->site("host gather");
  Call const call(site, 1, rank() == root ? 0 : mine.size() * sizeof(double));
  auto const ranks = static_cast<std::size_t>(rank() == root ? size() : 0);
  int const n = as_count(mine.size(), "gather");
  std::vector<int> counts(ranks);
  check(MPI_Gather(&n, 1, MPI_INT, counts.data(), 1, MPI_INT, root, impl_->group->comm), "gather");
  auto const starts = starts_of(counts, "gather");
  std::vector<double> joined(ranks == 0 ? 0 : static_cast<std::size_t>(starts.back() + counts.back()));
  check(MPI_Gatherv(mine.data(), n, MPI_DOUBLE, joined.data(), counts.data(), starts.data(), MPI_DOUBLE, root,
                    impl_->group->comm),
        "gather");
  std::vector<std::vector<double>> all;
  for (std::size_t r = 0; r < ranks; ++r)
    all.emplace_back(joined.begin() + starts[r], joined.begin() + starts[r] + counts[r]);
  return all;
}

std::vector<std::vector<index_t>> Communicator::all_to_all(std::vector<std::vector<index_t>> const& send) const
{
  auto const ranks = static_cast<std::size_t>(size());
  ROSSBY_EXPECT(send.size() == ranks);
  if (impl_->alone())
    return send;
  static_assert(sizeof(index_t) == sizeof(std::int64_t), "indices travel as 64-bit integers");
  std::vector<int> send_counts, receive_counts(ranks);
  std::vector<index_t> outgoing;
  for (auto const& list : send) {
    send_counts.push_back(as_count(list.size(), "all_to_all"));
    outgoing.insert(outgoing.end(), list.begin(), list.end());
  }
  auto const site = impl_->site("host all_to_all");
  auto const own = static_cast<std::size_t>(send_counts[static_cast<std::size_t>(rank())]);
  Call const call(site, 1, (outgoing.size() - own) * sizeof(index_t));
  check(MPI_Alltoall(send_counts.data(), 1, MPI_INT, receive_counts.data(), 1, MPI_INT, impl_->group->comm),
        "all_to_all");
  auto const send_starts = starts_of(send_counts, "all_to_all");
  auto const receive_starts = starts_of(receive_counts, "all_to_all");
  std::vector<index_t> incoming(static_cast<std::size_t>(receive_starts.back() + receive_counts.back()));
  check(MPI_Alltoallv(outgoing.data(), send_counts.data(), send_starts.data(), MPI_INT64_T, incoming.data(),
                      receive_counts.data(), receive_starts.data(), MPI_INT64_T, impl_->group->comm),
        "all_to_all");
  std::vector<std::vector<index_t>> result;
  for (std::size_t r = 0; r < ranks; ++r)
    result.emplace_back(incoming.begin() + receive_starts[r], incoming.begin() + receive_starts[r] + receive_counts[r]);
  return result;
}

} // namespace rossby
