#pragma once
/// \file
/// Arrays in device memory, their types, and the memory pool that they come from.

#include <rossby/core/array.hpp>
#include <rossby/core/pool.hpp>
