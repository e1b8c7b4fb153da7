#pragma once
/// \file
/// Groups of ranks, agreement between them, and what they cost each other.

#include <rossby/comm/agree.hpp>
#include <rossby/comm/communicator.hpp>
#include <rossby/comm/counters.hpp>
#include <rossby/comm/device_transport.hpp>
