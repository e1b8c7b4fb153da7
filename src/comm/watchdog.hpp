#pragma once
/// \file
/// What calls tell the watchdog (rossby/comm/runtime.hpp), where there is one.

#include "call.hpp"

#include <rossby/comm/device_transport.hpp>

namespace rossby::watchdog {

/// A call begins; the number is for leave().
std::uint64_t enter(CallSite const&, std::size_t bytes);
void leave(std::uint64_t number);
/// A call that the host does not wait for, and that is under way until its ticket says that it is done.
void follow(CallSite const&, std::size_t bytes, std::shared_ptr<DeviceTransport::Ticket const>);

} // namespace rossby::watchdog
