#pragma once
/// \file
/// What the MPI bodies share.

#include "communicator_impl.hpp"
#include "exchange_state.hpp"

#include "transport_choice.hpp"

#include "core/host_waits.hpp"

#include <mpi.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace rossby {

/// A handle of several ranks that is freed with the last group that uses it.
struct MpiGroup {
  explicit MpiGroup(MPI_Comm c) : comm(c), factory(current_device_transport()) {}
  MpiGroup(MpiGroup const&) = delete;
  MpiGroup& operator=(MpiGroup const&) = delete;
  ~MpiGroup();

  MPI_Comm comm;
  std::shared_ptr<TransportFactory const> factory; ///< null: MPI carries device arrays
  /// Made by it at the group's first call on device arrays; null again where it declines.
  std::optional<std::unique_ptr<DeviceTransport>> transport;
};

namespace mpi {

/// The group of a handle, which is given away. A group of one rank keeps none. `model`: what it is like but for ranks,
/// size and handle.
Communicator::Impl group_of(MPI_Comm handle, Communicator::Impl model);

/// MPI has been started and not stopped.
bool running();

/// The transport of this group's device arrays, or null. Collective.
DeviceTransport* transport_of(Communicator const&, Communicator::Impl const&);

/// Throws what MPI says of this code, unless it is success.
void check(int code, char const* operation);

/// A count as MPI takes it.
int as_count(std::size_t, char const* operation);

/// Starts of consecutive blocks of these sizes.
std::vector<int> starts_of(std::vector<int> const& counts, char const* operation);

/// Elements (or bytes) per MPI call where a block may be cut: counts are int.
constexpr std::size_t piece = std::size_t{1} << 28;

template <class F> void in_pieces(std::size_t n, F&& call)
{
  for (std::size_t begin = 0; begin < n; begin += piece)
    call(begin, static_cast<int>(std::min(piece, n - begin)));
}

/// Of collectives: what is summed over ranks is never narrower than float32. (Exchanges move bytes.)
inline MPI_Datatype datatype(DType d)
{
  ROSSBY_EXPECT(d == wide_dtype(d));
  return d == DType::float64 ? MPI_DOUBLE : MPI_FLOAT;
}

/// A call on a transport that is under way, with the arrays that it uses.
class Transported : public Communicator::Exchange::State {
public:
  Transported(Exec const& exec, CallSite site, std::int64_t messages, std::size_t bytes, std::vector<Array> arrays,
              std::function<transported::Ticket()> const& start);
  void wait() override;
  bool done() override { return ticket_->done(); }

private:
  Exec exec_;
  CallSite site_;
  std::vector<Array> arrays_;
  transported::Ticket ticket_;
};

/// Requests, and for device memory that MPI can't reach their copies on the host.
class Transfer : public Communicator::Exchange::State {
public:
  Transfer(Exec const& exec, CallSite site) : exec_(exec), site_(std::move(site)) {}

  /// Where MPI may read what is in the block; filled after `ready()`.
  char const* outgoing(void const* data, std::size_t bytes);
  /// Where MPI may write what will be in the block after `wait`.
  char* incoming(void* data, std::size_t bytes);
  /// Where MPI may read and write the block.
  char* in_place(void* data, std::size_t bytes);
  /// Waits until what is to be sent has been computed and copied. After all outgoing blocks, before the first call.
  void ready() { wait_for(exec_, "rossby::comm::ready"); }
  void keep(Array const& a) { arrays_.push_back(a); }
  CallSite const& site() const { return site_; }
  MPI_Request* request() { return &requests_.emplace_back(); }

  void progress() override;
  void wait() override;
  bool done() override
  {
    progress();
    return requests_.empty();
  }

private:
  Exec exec_;
  CallSite site_;
  std::vector<MPI_Request> requests_;
  std::vector<Array> arrays_;
  std::vector<std::vector<char>> staged_;
  struct Arrival {
    char const* staged;
    void* data;
    std::size_t bytes;
  };
  std::vector<Arrival> arrivals_;
};

} // namespace mpi
} // namespace rossby
