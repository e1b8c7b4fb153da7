#pragma once
/// \file
/// Messages and where they go; errors.

#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>
