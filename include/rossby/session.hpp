#pragma once
/// \file
/// A run as an object: begin here.

#include <rossby/train/session.hpp>
