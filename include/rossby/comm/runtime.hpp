#pragma once
/// \file
/// Start and stop of message passing for a program, and the watchdog. A host program that starts MPI itself needs none
/// of it: it hands over a communicator (rossby/mpi.hpp), and a watchdog only where it wants one.

#include <rossby/comm/communicator.hpp>

#include <functional>
#include <memory>
#include <string>

namespace rossby {

/// A thread that looks after every call of a Communicator of several ranks, and every wait: it acts when one has not
/// returned after `seconds`, to within a tenth of them. It makes no calls of MPI, which may belong to one thread.
/// Parallel reads and writes of files are not watched. One at a time in a process.
class Watchdog {
public:
  /// Called from the watchdog's thread, once for a call, with a message that names the rank, the group and the
  /// operation.
  using Action = std::function<void(std::string const& message)>;
  /// 0 seconds: watches nothing.
  Watchdog(double seconds, Action);
  ~Watchdog();
  Watchdog(Watchdog const&) = delete;
  Watchdog& operator=(Watchdog const&) = delete;

  /// ROSSBY_COMM_TIMEOUT (environment; default 1800; 0: never). \throws Error when it is not a number of seconds.
  static double seconds_from_environment();
};

/// Starts and stops message passing for the program, for all its ranks. Made first, destroyed last. MPI that was there
/// before stays with whom it belongs to.
///
/// With several ranks a watchdog (see above) of ROSSBY_COMM_TIMEOUT seconds prints its message and ends the process
/// with code 1. The launcher then ends the other ranks, as it does whenever one dies.
class CommRuntime {
public:
  CommRuntime(int& argc, char**& argv);
  ~CommRuntime();
  CommRuntime(CommRuntime const&) = delete;
  CommRuntime& operator=(CommRuntime const&) = delete;

private:
  std::unique_ptr<Watchdog> watchdog_;
};

/// True where the environment says that a launcher (mpirun, srun, …) started this process, alone or with others.
bool started_by_launcher();

/// Ends every rank of the job with this exit code. For a program's own failure that only this rank knows of.
[[noreturn]] void abort_all_ranks(int exit_code);
/// Waits until all ranks of the program have called it. False when some have not within `seconds`: they are elsewhere,
/// perhaps waiting for this rank in another operation. After that the only way on is to end the job.
bool all_ranks_arrive(double seconds);

/// How messages travel, for people: "MPI 3.1" or "one rank".
std::string message_passing();

} // namespace rossby
