#pragma once
/// \file
/// Messages to the user: rank 0 speaks, the others are quiet unless they report an error.

#include <string>

namespace rossby::log {

/// Called once at start-up with the rank of this process.
void set_rank(int rank);
void info(std::string const& message);
void warning(std::string const& message);
/// Each text once per run, however often it is met.
void warning_once(std::string const& message);
/// From any rank.
void error(std::string const& message);

} // namespace rossby::log
