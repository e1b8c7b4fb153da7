#include <rossby/comm/communicator.hpp>

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <thread>

namespace rossby {

namespace {
bool started_mpi = false;            // ours to finalise
MPI_Comm world_copy = MPI_COMM_NULL; // our messages can't meet those of a host program
MPI_Comm meeting = MPI_COMM_NULL;    // for all_ranks_arrive alone, which must not match anything else

/// Elements (or bytes) per MPI call: counts are int.
constexpr std::size_t piece = std::size_t{1} << 28;

using HostBytes = Kokkos::View<char*, Kokkos::LayoutRight, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
using DeviceBytes = View<char, 1>;

void check(int code, char const* operation)
{
  if (code == MPI_SUCCESS)
    return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(operation, fmt::format("message passing failed: {}", std::string(text, static_cast<std::size_t>(length))));
}

int as_count(std::size_t n, char const* operation)
{
  if (n > static_cast<std::size_t>(INT_MAX))
    fail(operation, fmt::format("{} elements in one message; MPI counts at most {}", n, INT_MAX));
  return static_cast<int>(n);
}

template <class F> void in_pieces(std::size_t n, F&& call)
{
  for (std::size_t begin = 0; begin < n; begin += piece)
    call(begin, static_cast<int>(std::min(piece, n - begin)));
}

template <class T> void reduce(T* values, std::size_t n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
  in_pieces(n, [&](std::size_t begin, int count) {
    check(MPI_Allreduce(MPI_IN_PLACE, values + begin, count, type, op, comm), "all_reduce");
  });
}

/// Starts of consecutive blocks of these sizes.
std::vector<int> starts_of(std::vector<int> const& counts, char const* operation)
{
  std::vector<int> starts;
  std::size_t at = 0;
  for (int const c : counts) {
    starts.push_back(as_count(at, operation));
    at += static_cast<std::size_t>(c);
  }
  as_count(at, operation);
  return starts;
}

DeviceBytes device_bytes(void* data, std::size_t n) { return DeviceBytes(static_cast<char*>(data), n); }
} // namespace

CommRuntime::CommRuntime(int& argc, char**& argv)
{
  int initialised = 0;
  MPI_Initialized(&initialised);
  if (!initialised) {
    int provided = 0;
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    started_mpi = true;
    if (provided < MPI_THREAD_FUNNELED)
      fail("MPI_Init_thread", "this MPI does not allow threads beside the one that communicates",
           "use an MPI built with thread support (MPI_THREAD_FUNNELED)");
  }
  check(MPI_Comm_dup(MPI_COMM_WORLD, &world_copy), "MPI_Comm_dup");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &meeting), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(world_copy, MPI_ERRORS_RETURN);
}

CommRuntime::~CommRuntime()
{
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized)
    return;
  MPI_Comm_free(&meeting);
  MPI_Comm_free(&world_copy);
  if (started_mpi)
    MPI_Finalize();
  started_mpi = false;
}

void abort_all_ranks(int exit_code)
{
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::abort();
}

std::string message_passing()
{
  int version = 0, subversion = 0;
  MPI_Get_version(&version, &subversion);
  return fmt::format("MPI {}.{}", version, subversion);
}

bool all_ranks_arrive(double seconds)
{
  if (meeting == MPI_COMM_NULL)
    return true;
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(meeting, &request), "all_ranks_arrive");
  auto const deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int arrived = 0;;) {
    check(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE), "all_ranks_arrive");
    if (arrived)
      return true;
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

struct Communicator::Impl {
  Impl(MPI_Comm c, bool owns) : comm(c), owned(owns)
  {
    check(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(comm, &size), "MPI_Comm_size");
  }
  Impl(Impl const&) = delete;
  Impl& operator=(Impl const&) = delete;
  ~Impl()
  {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (owned && !finalized)
      MPI_Comm_free(&comm);
  }

  MPI_Comm comm;
  bool owned;
  int rank = 0, size = 1;
};

Communicator::Communicator() : impl_(std::make_shared<Impl>(MPI_COMM_SELF, false)) {}
Communicator::Communicator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Communicator Communicator::world()
{
  return Communicator(std::make_shared<Impl>(world_copy == MPI_COMM_NULL ? MPI_COMM_WORLD : world_copy, false));
}

int Communicator::rank() const { return impl_->rank; }
int Communicator::size() const { return impl_->size; }

Communicator Communicator::split(int color, int key) const
{
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split(impl_->comm, color, key, &part), "split");
  return Communicator(std::make_shared<Impl>(part, true));
}

void Communicator::barrier() const { check(MPI_Barrier(impl_->comm), "barrier"); }

void Communicator::all_reduce_sum(double* v, std::size_t n) const { reduce(v, n, MPI_DOUBLE, MPI_SUM, impl_->comm); }
void Communicator::all_reduce_sum(std::int64_t* v, std::size_t n) const
{
  reduce(v, n, MPI_INT64_T, MPI_SUM, impl_->comm);
}
void Communicator::all_reduce_max(double* v, std::size_t n) const { reduce(v, n, MPI_DOUBLE, MPI_MAX, impl_->comm); }
void Communicator::all_reduce_min(double* v, std::size_t n) const { reduce(v, n, MPI_DOUBLE, MPI_MIN, impl_->comm); }

void Communicator::broadcast(void* data, std::size_t bytes, int root) const
{
  in_pieces(bytes, [&](std::size_t begin, int count) {
    check(MPI_Bcast(static_cast<char*>(data) + begin, count, MPI_BYTE, root, impl_->comm), "broadcast");
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
  std::vector<double> all(mine.size() * static_cast<std::size_t>(size()));
  int const n = as_count(mine.size(), "all_gather");
  check(MPI_Allgather(mine.data(), n, MPI_DOUBLE, all.data(), n, MPI_DOUBLE, impl_->comm), "all_gather");
  return all;
}

std::vector<std::string> Communicator::all_gather(std::string const& mine) const
{
  auto const ranks = static_cast<std::size_t>(size());
  int const n = as_count(mine.size(), "all_gather");
  std::vector<int> counts(ranks);
  check(MPI_Allgather(&n, 1, MPI_INT, counts.data(), 1, MPI_INT, impl_->comm), "all_gather");
  auto const starts = starts_of(counts, "all_gather");
  std::string joined(static_cast<std::size_t>(starts.back() + counts.back()), '\0');
  check(MPI_Allgatherv(mine.data(), n, MPI_CHAR, joined.data(), counts.data(), starts.data(), MPI_CHAR, impl_->comm),
        "all_gather");
  std::vector<std::string> all;
  for (std::size_t r = 0; r < ranks; ++r)
    all.push_back(joined.substr(static_cast<std::size_t>(starts[r]), static_cast<std::size_t>(counts[r])));
  return all;
}

std::vector<std::vector<index_t>> Communicator::all_to_all(std::vector<std::vector<index_t>> const& send) const
{
  auto const ranks = static_cast<std::size_t>(size());
  ROSSBY_EXPECT(send.size() == ranks);
  static_assert(sizeof(index_t) == sizeof(std::int64_t), "indices travel as 64-bit integers");
  std::vector<int> send_counts, receive_counts(ranks);
  std::vector<index_t> outgoing;
  for (auto const& list : send) {
    send_counts.push_back(as_count(list.size(), "all_to_all"));
    outgoing.insert(outgoing.end(), list.begin(), list.end());
  }
  check(MPI_Alltoall(send_counts.data(), 1, MPI_INT, receive_counts.data(), 1, MPI_INT, impl_->comm), "all_to_all");
  auto const send_starts = starts_of(send_counts, "all_to_all");
  auto const receive_starts = starts_of(receive_counts, "all_to_all");
  std::vector<index_t> incoming(static_cast<std::size_t>(receive_starts.back() + receive_counts.back()));
  check(MPI_Alltoallv(outgoing.data(), send_counts.data(), send_starts.data(), MPI_INT64_T, incoming.data(),
                      receive_counts.data(), receive_starts.data(), MPI_INT64_T, impl_->comm),
        "all_to_all");
  std::vector<std::vector<index_t>> result;
  for (std::size_t r = 0; r < ranks; ++r)
    result.emplace_back(incoming.begin() + receive_starts[r], incoming.begin() + receive_starts[r] + receive_counts[r]);
  return result;
}

void Communicator::all_reduce_sum(Exec const& exec, Array const& array) const
{
  if (size() == 1 || array.size() == 0)
    return;
  dispatch(array.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    MPI_Datatype const type = sizeof(T) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT;
    auto const n = static_cast<std::size_t>(array.size());
    if (host_accessible) {
      exec.fence();
      reduce(static_cast<T*>(array.data()), n, type, MPI_SUM, impl_->comm);
      return;
    }
    std::vector<T> staged(n);
    HostBytes const host(reinterpret_cast<char*>(staged.data()), array.bytes());
    Kokkos::deep_copy(exec, host, device_bytes(array.data(), array.bytes()));
    exec.fence();
    reduce(staged.data(), n, type, MPI_SUM, impl_->comm);
    Kokkos::deep_copy(exec, device_bytes(array.data(), array.bytes()), host);
    exec.fence(); // the staging buffer dies here
  });
}

struct Communicator::Exchange::State {
  Exec exec;
  std::vector<MPI_Request> requests;
  std::vector<std::vector<char>> staged; // host copies of device blocks, alive until the messages are through
  std::vector<std::pair<DeviceBytes, char const*>> arrivals;

  /// Where MPI may read or write the block.
  char* host_side(Message const& m)
  {
    if (host_accessible)
      return static_cast<char*>(m.data);
    staged.emplace_back(m.bytes);
    return staged.back().data();
  }
};

Communicator::Exchange Communicator::start(Exec const& exec, std::vector<Message> const& sends,
                                           std::vector<Message> const& receives) const
{
  Exchange exchange;
  exchange.state_ = std::make_shared<Exchange::State>();
  auto& state = *exchange.state_;
  state.exec = exec;
  state.staged.reserve(sends.size() + receives.size());

  for (auto const& m : receives) {
    if (m.peer == rank() || m.bytes == 0)
      continue;
    char* const buffer = state.host_side(m);
    if (!host_accessible)
      state.arrivals.emplace_back(device_bytes(m.data, m.bytes), buffer);
    in_pieces(m.bytes, [&](std::size_t begin, int count) {
      state.requests.emplace_back();
      check(MPI_Irecv(buffer + begin, count, MPI_BYTE, m.peer, 0, impl_->comm, &state.requests.back()), "receive");
    });
  }

  // Messages to oneself: the n-th send meets the n-th receive.
  std::vector<Message const*> from_self;
  for (auto const& m : receives)
    if (m.peer == rank())
      from_self.push_back(&m);
  std::size_t next = 0;
  std::vector<std::pair<Message const*, char*>> outgoing;
  for (auto const& m : sends) {
    if (m.peer == rank()) {
      ROSSBY_EXPECT(next < from_self.size() && from_self[next]->bytes == m.bytes);
      if (m.bytes > 0)
        Kokkos::deep_copy(exec, device_bytes(from_self[next]->data, m.bytes), device_bytes(m.data, m.bytes));
      ++next;
    } else if (m.bytes > 0) {
      char* const buffer = state.host_side(m);
      if (!host_accessible)
        Kokkos::deep_copy(exec, HostBytes(buffer, m.bytes), device_bytes(m.data, m.bytes));
      outgoing.emplace_back(&m, buffer);
    }
  }
  ROSSBY_EXPECT(next == from_self.size());
  exec.fence(); // what is sent has been computed
  for (auto const& [message, buffer] : outgoing)
    in_pieces(message->bytes, [&, to = message->peer, data = buffer](std::size_t begin, int count) {
      state.requests.emplace_back();
      check(MPI_Isend(data + begin, count, MPI_BYTE, to, 0, impl_->comm, &state.requests.back()), "send");
    });
  return exchange;
}

void Communicator::Exchange::wait()
{
  if (!state_)
    return;
  check(MPI_Waitall(static_cast<int>(state_->requests.size()), state_->requests.data(), MPI_STATUSES_IGNORE),
        "wait for messages");
  for (auto const& [to, from] : state_->arrivals)
    Kokkos::deep_copy(
        state_->exec, to,
        Kokkos::View<char const*, Kokkos::LayoutRight, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(
            from, to.extent(0)));
  if (!state_->arrivals.empty())
    state_->exec.fence(); // the staging buffers die here
  state_.reset();
}

void* Communicator::native_handle() const { return &impl_->comm; }

} // namespace rossby
