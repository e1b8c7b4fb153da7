#pragma once
/// \file
/// Ends a job in which a rank waits for others for ever, and says for what.

#include "call.hpp"

#include <rossby/comm/device_transport.hpp>

namespace rossby::watchdog {

/// Seconds that a call may take, from ROSSBY_COMM_TIMEOUT; 0: as long as it likes.
/// \throws Error when the variable is no such number.
double limit_from_environment();

/// From now on a thread ends this process when a call takes longer than `limit` seconds, to within a tenth of them. It
/// makes no MPI calls: MPI may belong to one thread. It says what it waits for, leaves other waiting ranks a moment to
/// say the same, and ends the process; the launcher, as on any death of a rank, ends the others.
void start(double limit);
void stop();

void enter(CallSite const&, std::size_t bytes);
void leave();
/// A call that the host does not wait for, and that is under way until its ticket says that it is done.
void follow(CallSite const&, std::size_t bytes, std::shared_ptr<DeviceTransport::Ticket const>);

} // namespace rossby::watchdog
