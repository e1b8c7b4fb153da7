#include <rossby/comm/agree.hpp>
#include <rossby/comm/device_transport.hpp>

#include <cuda_runtime.h>
#include <fmt/format.h>
#include <nccl.h>

#include <type_traits>

namespace rossby {

namespace {
constexpr char elsewhere[] =
    "give every rank a GPU of its own, or let MPI carry the messages: ROSSBY_DEVICE_MESSAGES=mpi";

void check(ncclResult_t code, char const* operation)
{
  if (code != ncclSuccess)
    fail(fmt::format("NCCL, {}", operation), fmt::format("{}: {}", ncclGetErrorString(code), ncclGetLastError(nullptr)),
         elsewhere);
}

void check(cudaError_t code, char const* operation)
{
  if (code != cudaSuccess)
    fail(fmt::format("CUDA, {}", operation), cudaGetErrorString(code));
}

/// The stream of an execution space instance, where it has one.
template <class E> auto stream_of(E const& exec, int) -> decltype(cudaStream_t(exec.cuda_stream()))
{
  return exec.cuda_stream();
}
template <class E> cudaStream_t stream_of(E const&, long) { return nullptr; }

template <class E, class = void> struct HasStream : std::false_type {
};
template <class E> struct HasStream<E, std::void_t<decltype(std::declval<E const&>().cuda_stream())>> : std::true_type {
};

ncclDataType_t type_of(DType d)
{
  ROSSBY_EXPECT(d == wide_dtype(d)); // as MPI's collectives
  return d == DType::float64 ? ncclDouble : ncclFloat;
}

/// A point in the work of a stream.
class Event {
public:
  explicit Event(cudaStream_t stream)
  {
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "event");
    check(cudaEventRecord(event_, stream), "event");
  }
  Event(Event const&) = delete;
  Event& operator=(Event const&) = delete;
  ~Event() { cudaEventDestroy(event_); } // CUDA keeps it until those that wait for it are through

  bool passed() const { return cudaEventQuery(event_) != cudaErrorNotReady; } // an error is met elsewhere
  void before_what_comes(cudaStream_t stream) const { check(cudaStreamWaitEvent(stream, event_, 0), "event"); }

private:
  cudaEvent_t event_ = nullptr;
};

class StreamTicket final : public DeviceTransport::Ticket {
public:
  explicit StreamTicket(cudaStream_t stream) : done_(stream) {}
  void wait(Exec const& exec) override { done_.before_what_comes(stream_of(exec, 0)); }
  bool done() const override { return done_.passed(); }

private:
  Event done_;
};

/// One for all groups of the process: operations of different groups run in the order of the program, which is the
/// same on all ranks, and can't wait for each other in a circle.
cudaStream_t message_stream()
{
  static cudaStream_t const stream = [] {
    cudaStream_t s = nullptr;
    check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), "stream");
    return s;
  }();
  return stream;
}

class NcclTransport final : public DeviceTransport {
public:
  explicit NcclTransport(Communicator const& ranks) : stream_(message_stream())
  {
    ncclUniqueId id;
    on_first_rank(ranks, [&] { check(ncclGetUniqueId(&id), "start"); });
    ranks.broadcast(&id, sizeof id, 0);
    collectively(ranks, [&] { check(ncclCommInitRank(&comm_, ranks.size(), id, ranks.rank()), "start"); });
  }
  ~NcclTransport() override { ncclCommDestroy(comm_); }

  void begin(Exec const& exec) override
  {
    Event const ready(stream_of(exec, 0));
    ready.before_what_comes(stream_);
    check(ncclGroupStart(), "group");
  }
  std::shared_ptr<Ticket> end() override
  {
    check(ncclGroupEnd(), "group");
    return std::make_shared<StreamTicket>(stream_);
  }

  void send(void const* data, std::size_t bytes, int to) override
  {
    check(ncclSend(data, bytes, ncclChar, to, comm_, stream_), "send");
  }
  void receive(void* data, std::size_t bytes, int from) override
  {
    check(ncclRecv(data, bytes, ncclChar, from, comm_, stream_), "receive");
  }
  void all_reduce_sum(void* data, std::size_t n, DType type) override
  {
    check(ncclAllReduce(data, data, n, type_of(type), ncclSum, comm_, stream_), "all_reduce");
  }
  void broadcast(void const* from, void* to, std::size_t n, DType type, int root) override
  {
    check(ncclBroadcast(from, to, n, type_of(type), root, comm_, stream_), "broadcast");
  }
  void reduce_sum(void const* from, void* to, std::size_t n, DType type, int root) override
  {
    check(ncclReduce(from, to, n, type_of(type), ncclSum, root, comm_, stream_), "reduce");
  }
  void all_gather(void const* from, void* to, std::size_t n, DType type) override
  {
    check(ncclAllGather(from, to, n, type_of(type), comm_, stream_), "all_gather");
  }
  void reduce_scatter_sum(void const* from, void* to, std::size_t n, DType type) override
  {
    check(ncclReduceScatter(from, to, n, type_of(type), ncclSum, comm_, stream_), "reduce_scatter");
  }

private:
  cudaStream_t stream_;
  ncclComm_t comm_ = nullptr;
};
} // namespace

bool nccl_usable() { return HasStream<Exec>::value; }

std::unique_ptr<DeviceTransport> nccl_transport(Communicator const& ranks)
{
  return nccl_usable() ? std::make_unique<NcclTransport>(ranks) : nullptr;
}

std::string nccl_version()
{
  int version = 0;
  check(ncclGetVersion(&version), "version");
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

} // namespace rossby
