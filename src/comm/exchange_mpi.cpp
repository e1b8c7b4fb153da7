#include "communicator_mpi.hpp"
#include "transport_choice.hpp"

namespace rossby {

using mpi::check;
using mpi::in_pieces;

namespace {
template <class T>
using HostBytes = Kokkos::View<T*, Kokkos::LayoutRight, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

template <class T> View<T, 1> device_bytes(void* data, std::size_t n) { return View<T, 1>(static_cast<T*>(data), n); }
} // namespace

namespace mpi {

char const* Transfer::outgoing(void const* data, std::size_t bytes)
{
  if (mpi_takes_device_memory() || bytes == 0)
    return static_cast<char const*>(data);
  auto& copy = staged_.emplace_back(bytes);
  Kokkos::deep_copy(exec_, HostBytes<char>(copy.data(), bytes),
                    View<char const, 1>(static_cast<char const*>(data), bytes));
  return copy.data();
}

char* Transfer::incoming(void* data, std::size_t bytes)
{
  if (mpi_takes_device_memory() || bytes == 0)
    return static_cast<char*>(data);
  auto& copy = staged_.emplace_back(bytes);
  arrivals_.push_back({copy.data(), data, bytes});
  return copy.data();
}

char* Transfer::in_place(void* data, std::size_t bytes)
{
  char* const buffer = incoming(data, bytes);
  if (buffer != data)
    Kokkos::deep_copy(exec_, HostBytes<char>(buffer, bytes), device_bytes<char const>(data, bytes));
  return buffer;
}

void Transfer::progress()
{
  if (requests_.empty())
    return;
  Call const call(site_, 0, 0, Call::Part::rest); // copies between processes of a node are made here
  int done = 0;
  check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE), "messages");
  if (done)
    requests_.clear();
}

void Transfer::wait()
{
  if (!requests_.empty()) {
    Call const call(site_, 0, 0, Call::Part::rest);
    check(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE), "wait for messages");
  }
  for (auto const& a : arrivals_)
    Kokkos::deep_copy(exec_, device_bytes<char>(a.data, a.bytes), HostBytes<char const>(a.staged, a.bytes));
  if (!arrivals_.empty())
    wait_for(exec_, "rossby::comm::staged"); // the staging buffers die here
}

} // namespace mpi

Communicator::Exchange Communicator::start(Exec const& exec, std::vector<Message> const& sends,
                                           std::vector<Message> const& receives) const
{
  std::int64_t messages = 0; // to others
  std::size_t bytes = 0;
  for (auto const& m : sends)
    if (m.peer != rank()) {
      messages += m.bytes > 0;
      bytes += m.bytes;
    }
  if (auto* const transport = mpi::transport_of(*this, *impl_))
    return Exchange(
        std::make_shared<mpi::Transported>(exec, impl_->site("exchange"), messages, bytes, std::vector<Array>{},
                                           [&] { return transported::exchange(*transport, exec, sends, receives); }));

  auto transfer = std::make_shared<mpi::Transfer>(exec, impl_->site("exchange"));
  for (auto const& m : receives)
    if (m.peer != rank())
      in_pieces(m.bytes, [&, buffer = transfer->incoming(m.data, m.bytes)](std::size_t begin, int count) {
        check(MPI_Irecv(buffer + begin, count, MPI_BYTE, m.peer, 0, impl_->group->comm, transfer->request()),
              "receive");
      });

  // Messages to oneself: the n-th send meets the n-th receive.
  std::vector<Message const*> from_self;
  for (auto const& m : receives)
    if (m.peer == rank())
      from_self.push_back(&m);
  std::size_t next = 0;
  std::vector<std::pair<Message const*, char const*>> outgoing;
  for (auto const& m : sends)
    if (m.peer == rank()) {
      ROSSBY_EXPECT(next < from_self.size() && from_self[next]->bytes == m.bytes);
      if (m.bytes > 0)
        Kokkos::deep_copy(exec, device_bytes<char>(from_self[next]->data, m.bytes),
                          device_bytes<char const>(m.data, m.bytes));
      ++next;
    } else {
      outgoing.emplace_back(&m, transfer->outgoing(m.data, m.bytes));
    }
  ROSSBY_EXPECT(next == from_self.size());
  if (outgoing.empty() && receives.size() == from_self.size())
    return {}; // nothing for others: what was copied is in the order of `exec`
  transfer->ready();
  Call const call(transfer->site(), messages, bytes);
  for (auto const& [message, buffer] : outgoing)
    in_pieces(message->bytes, [&, to = message->peer, data = buffer](std::size_t begin, int count) {
      check(MPI_Isend(data + begin, count, MPI_BYTE, to, 0, impl_->group->comm, transfer->request()), "send");
    });
  return Exchange(std::move(transfer));
}

} // namespace rossby
