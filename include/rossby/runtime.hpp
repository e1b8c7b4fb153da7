#pragma once
/// \file
/// Start and stop: message passing, devices, signals, the watchdog. What of it a host program does itself it does not
/// make here.

#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/interrupt.hpp>
#include <rossby/core/version.hpp>
