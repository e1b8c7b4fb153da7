#include <rossby/comm/device_transport.hpp>

#include <algorithm>

namespace rossby::transported {

namespace {
std::size_t count_of(Array const& a) { return static_cast<std::size_t>(a.size()); }

bool equal_blocks(std::vector<index_t> const& counts)
{
  return std::all_of(counts.begin(), counts.end(), [&](index_t n) { return n == counts[0]; });
}

/// Calls f(rank, address, count) for every block of the array that is not empty.
template <class F> void for_blocks(Array const& whole, std::vector<index_t> const& counts, F&& f)
{
  auto* at = static_cast<char*>(whole.data());
  for (std::size_t r = 0; r < counts.size(); ++r) {
    auto const n = static_cast<std::size_t>(counts[r]);
    if (n > 0)
      f(static_cast<int>(r), at, n);
    at += n * size_of(whole.dtype());
  }
}
} // namespace

Ticket all_reduce_sum(DeviceTransport& transport, Exec const& exec, Array const& array)
{
  transport.begin(exec);
  if (array.size() > 0)
    transport.all_reduce_sum(array.data(), count_of(array), array.dtype());
  return transport.end();
}

Ticket all_gather(DeviceTransport& transport, Exec const& exec, Array const& mine, Array const& whole,
                  std::vector<index_t> const& counts)
{
  transport.begin(exec);
  if (!equal_blocks(counts))
    for_blocks(whole, counts, [&](int root, void* block, std::size_t n) {
      transport.broadcast(mine.data(), block, n, whole.dtype(), root);
    });
  else if (mine.size() > 0)
    transport.all_gather(mine.data(), whole.data(), count_of(mine), whole.dtype());
  return transport.end();
}

Ticket reduce_scatter_sum(DeviceTransport& transport, Exec const& exec, Array const& whole, Array const& mine,
                          std::vector<index_t> const& counts)
{
  transport.begin(exec);
  if (!equal_blocks(counts))
    for_blocks(whole, counts, [&](int root, void const* block, std::size_t n) {
      transport.reduce_sum(block, mine.data(), n, whole.dtype(), root);
    });
  else if (mine.size() > 0)
    transport.reduce_scatter_sum(whole.data(), mine.data(), count_of(mine), whole.dtype());
  return transport.end();
}

Ticket exchange(DeviceTransport& transport, Exec const& exec, std::vector<Communicator::Message> const& sends,
                std::vector<Communicator::Message> const& receives)
{
  transport.begin(exec);
  for (auto const& m : receives)
    if (m.bytes > 0)
      transport.receive(m.data, m.bytes, m.peer);
  for (auto const& m : sends)
    if (m.bytes > 0)
      transport.send(m.data, m.bytes, m.peer);
  return transport.end();
}

} // namespace rossby::transported
