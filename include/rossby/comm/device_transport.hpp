#pragma once
/// \file
/// Messages between device arrays that never pass through the host: NCCL where it is built in, or a host program's own.

#include <rossby/comm/communicator.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// What a library for device messages must offer to one group of ranks. Operations between `begin` and `end` are under
/// way together, in no order but that of messages between two ranks. All ranks make the same calls, except for sends
/// and receives, which must match. Counts are positive.
class DeviceTransport {
public:
  /// What was begun and ended.
  class Ticket {
  public:
    virtual ~Ticket() = default;
    /// Kernels that are queued on `exec` after this call see the results.
    virtual void wait(Exec const& exec) = 0;
    /// Has it happened? For the watchdog, which asks from a thread of its own, now and then, until it has.
    virtual bool done() const = 0;
  };

  DeviceTransport() = default;
  DeviceTransport(DeviceTransport const&) = delete;
  DeviceTransport& operator=(DeviceTransport const&) = delete;
  virtual ~DeviceTransport() = default;

  /// The operations that follow see what kernels queued on `exec` before wrote.
  virtual void begin(Exec const& exec) = 0;
  virtual std::shared_ptr<Ticket> end() = 0;

  virtual void send(void const* data, std::size_t bytes, int to) = 0;
  virtual void receive(void* data, std::size_t bytes, int from) = 0;
  /// Sum of everybody's `data`, in place.
  virtual void all_reduce_sum(void* data, std::size_t n, DType) = 0;
  /// `n` elements of `from` on rank `root` to everybody's `to`; `from` is read there alone.
  virtual void broadcast(void const* from, void* to, std::size_t n, DType, int root) = 0;
  /// The sum of everybody's `from` to `to` on rank `root`, which is written there alone.
  virtual void reduce_sum(void const* from, void* to, std::size_t n, DType, int root) = 0;
  /// `n` elements of everybody, in rank order.
  virtual void all_gather(void const* from, void* to, std::size_t n, DType) = 0;
  /// The sum of everybody's `from`, `n` elements for each rank in rank order.
  virtual void reduce_scatter_sum(void const* from, void* to, std::size_t n, DType) = 0;
};

/// What a Communicator's calls on device arrays come to on a transport of its group: the grouping, the counts and the
/// offsets. Arguments are those of the calls in communicator.hpp.
namespace transported {
using Ticket = std::shared_ptr<DeviceTransport::Ticket>;
Ticket all_reduce_sum(DeviceTransport&, Exec const&, Array const&);
/// Unequal blocks go in one group of broadcasts, since such libraries know equal blocks only.
Ticket all_gather(DeviceTransport&, Exec const&, Array const& mine, Array const& whole,
                  std::vector<index_t> const& counts);
/// Unequal blocks go in one group of reductions.
Ticket reduce_scatter_sum(DeviceTransport&, Exec const&, Array const& whole, Array const& mine,
                          std::vector<index_t> const& counts);
/// All messages in one group, those to oneself among them; empty ones are left out.
Ticket exchange(DeviceTransport&, Exec const&, std::vector<Communicator::Message> const& sends,
                std::vector<Communicator::Message> const& receives);
} // namespace transported

/// Makes the transport of a group of several ranks, collectively, or returns null to leave its device arrays to MPI.
/// The group owns it: it must not keep the Communicator that it is made from.
using TransportFactory = std::function<std::unique_ptr<DeviceTransport>(Communicator const&)>;
/// For the groups that are made from now on. Without this call ROSSBY_DEVICE_MESSAGES decides (environment): `nccl`, or
/// `mpi`; unset, NCCL wherever it is built in and Kokkos computes with CUDA.
/// \throws Error when the variable asks for what is not there.
void set_device_transport(TransportFactory);

/// A transport by NCCL, which needs a GPU of its own for every rank. Collective. Null where it is not built in or
/// Kokkos does not compute with CUDA.
std::unique_ptr<DeviceTransport> nccl_transport(Communicator const&);
/// Version of NCCL, for instance "2.28.9"; empty where it is not built in.
std::string nccl_version();
/// True where nccl_transport gives one.
bool nccl_usable();

} // namespace rossby
