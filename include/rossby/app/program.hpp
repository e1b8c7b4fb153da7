#pragma once
/// \file
/// The command line program.

namespace rossby {

/// Runs `rossby <command> ...` and returns the exit code. Expects CommRuntime and Environment to exist.
int run_program(int argc, char** argv);

} // namespace rossby
