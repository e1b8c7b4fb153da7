#pragma once
/// \file
/// Groups of ranks. The body is chosen when the library is linked: communicator_mpi.cpp or communicator_self.cpp;
/// a size-1 group is an ordinary group, and nobody above this layer asks which body it is.

#include <rossby/core/array.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// Starts and stops message passing for the program. Made first, destroyed last. A host program that has already
/// initialised MPI keeps ownership of it.
class CommRuntime {
public:
  CommRuntime(int& argc, char**& argv);
  ~CommRuntime();
  CommRuntime(CommRuntime const&) = delete;
  CommRuntime& operator=(CommRuntime const&) = delete;
};

/// Ends every rank of the job with this exit code. For a failure that only this rank knows of.
[[noreturn]] void abort_all_ranks(int exit_code);
/// Waits until all ranks of the program have called it. False when some have not within `seconds`: they are elsewhere,
/// perhaps waiting for this rank in another operation. After that the only way on is to end the job.
bool all_ranks_arrive(double seconds);

/// How messages travel, for people: "MPI 3.1" or "one rank".
std::string message_passing();

/// A group of ranks. Copies are the same group. All calls but rank() and size() are collective unless they say
/// otherwise. Device arrays may be passed directly.
class Communicator {
public:
  Communicator(); ///< this rank alone
  static Communicator world();

  int rank() const;
  int size() const;
  /// Ranks with the same `color` form a group, ordered by `key`, then by rank here.
  Communicator split(int color, int key) const;
  void barrier() const;

  // Host values, in place.
  void all_reduce_sum(double*, std::size_t) const;
  void all_reduce_sum(std::int64_t*, std::size_t) const;
  void all_reduce_max(double*, std::size_t) const;
  void all_reduce_min(double*, std::size_t) const;
  void broadcast(void*, std::size_t bytes, int root) const;
  void broadcast(std::string&, int root) const;
  /// Everybody's equally sized block, in rank order.
  std::vector<double> all_gather(std::vector<double> const& mine) const;
  /// Everybody's text, in rank order.
  std::vector<std::string> all_gather(std::string const& mine) const;
  /// `send[r]` goes to rank r; the result's element r came from rank r.
  std::vector<std::vector<index_t>> all_to_all(std::vector<std::vector<index_t>> const& send) const;

  /// Sum over the group of a device array, in place, in the order of `exec`.
  void all_reduce_sum(Exec const& exec, Array const&) const;

  /// One message of a point-to-point exchange: a device block.
  struct Message {
    int peer;
    void* data;
    std::size_t bytes;
  };
  /// An exchange under way: started by `start`, complete after `wait`.
  class Exchange {
  public:
    Exchange() = default;
    void wait();

  private:
    friend class Communicator;
    struct State;
    std::shared_ptr<State> state_;
  };
  /// Sends and receives at once; every peer must list the mirror image. Waits for `exec` before sending.
  Exchange start(Exec const& exec, std::vector<Message> const& sends, std::vector<Message> const& receives) const;

  /// The MPI communicator behind it as an MPI_Comm handle pointer (parallel files); null without MPI.
  void* native_handle() const;

private:
  struct Impl;
  explicit Communicator(std::shared_ptr<Impl>);
  std::shared_ptr<Impl> impl_;
};

} // namespace rossby
