#pragma once
/// \file
/// Which transport groups get; see set_device_transport.

#include <rossby/comm/device_transport.hpp>

namespace rossby {

/// The factory of groups that are made now. Null: MPI carries their device arrays.
std::shared_ptr<TransportFactory const> current_device_transport();
/// Reads ROSSBY_DEVICE_MESSAGES, so that a bad value is met at the start.
void check_device_messages();
/// May MPI be given the addresses of device arrays? Always where they are host memory; elsewhere when
/// ROSSBY_DEVICE_MESSAGES is gpu-mpi.
bool mpi_takes_device_memory();

} // namespace rossby
