#pragma once
/// \file
/// Private to src/app: the command line program.

namespace rossby {

/// Runs `rossby <command> ...` and returns the exit code. Starts what the command needs: the device for those that
/// compute; message passing where a launcher started the program, and for those that compute.
int run_program(int argc, char** argv);

} // namespace rossby
