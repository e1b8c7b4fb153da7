#include "communicator_mpi.hpp"
#include "watchdog.hpp"

namespace rossby::mpi {

DeviceTransport* transport_of(Communicator const& ranks, Communicator::Impl const& impl)
{
  if (impl.alone() || !impl.group->factory) // alone there is nobody to talk to
    return nullptr;
  auto& group = *impl.group;
  if (!group.transport)
    group.transport = (*group.factory)(ranks);
  return group.transport->get();
}

Transported::Transported(Exec const& exec, CallSite site, std::int64_t messages, std::size_t bytes,
                         std::vector<Array> arrays, std::function<transported::Ticket()> const& start)
    : exec_(exec), site_(std::move(site)), arrays_(std::move(arrays))
{
  Call const call(site_, messages, bytes);
  ticket_ = start();
  watchdog::follow(site_, bytes, ticket_);
}

void Transported::wait()
{
  Call const call(site_, 0, 0, Call::Part::rest);
  ticket_->wait(exec_);
}

} // namespace rossby::mpi
