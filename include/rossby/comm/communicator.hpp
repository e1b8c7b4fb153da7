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
///
/// With several ranks a watchdog looks after every call of a Communicator and every wait: one that has not returned
/// after ROSSBY_COMM_TIMEOUT seconds (environment; default 1800; 0: never) ends the process with code 1, and a message
/// that names the rank, the group and the operation. The launcher then ends the other ranks, as it does whenever one
/// dies. Parallel reads and writes of files are not watched.
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

/// A group of ranks. Copies are the same group. Calls are collective unless they say otherwise (those that only ask,
/// like rank(), don't communicate). Device arrays may be passed directly.
class Communicator {
public:
  Communicator(); ///< this rank alone; its name is "self"
  static Communicator world();

  int rank() const;
  int size() const;
  /// Ranks with the same `color` form a group, ordered by `key`, then by rank here. It keeps this group's name.
  Communicator split(int color, int key) const;
  void barrier() const;

  /// What the group stands for ("data", "domain", …): messages name it, and counters are kept by it.
  std::string const& name() const;
  /// The same group under another name. Not collective.
  Communicator named(std::string) const;

  /// The ranks of `all`, in their order, row-major on a grid of these extents, whose product is their number.
  static Communicator cartesian(Communicator const& all, std::vector<int> const& extents,
                                std::vector<bool> const& periodic);
  /// The ranks that share this rank's coordinates on the axes that are not kept; a grid of the kept axes.
  Communicator sub(std::vector<bool> const& keep) const;
  bool is_cartesian() const;
  /// Of a Cartesian group, one element per axis.
  std::vector<int> extents() const;
  std::vector<int> coordinates() const;
  std::vector<bool> periodic() const;

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
  /// Everybody's numbers, in rank order, on rank `root`; nothing elsewhere. Any may have none.
  std::vector<std::vector<double>> gather(std::vector<double> const& mine, int root) const;
  /// `send[r]` goes to rank r; the result's element r came from rank r.
  std::vector<std::vector<index_t>> all_to_all(std::vector<std::vector<index_t>> const& send) const;

  /// One message of a point-to-point exchange: a device block.
  struct Message {
    int peer;
    void* data;
    std::size_t bytes;
  };
  /// Communication under way: started by a `start…` call, complete after `wait`, which must be called. Arrays handed
  /// to a collective are kept alive until then; the blocks of messages are for the caller to keep.
  class Exchange {
  public:
    Exchange() = default;
    /// Lets messages move on, and waits for none. MPI works on them inside of its calls only: without a turn now and
    /// then, large ones would not leave before `wait`.
    void progress();
    /// What arrived can be read by kernels that are queued on the `exec` of the start after this call.
    void wait();

    struct State;
    explicit Exchange(std::shared_ptr<State>);

  private:
    std::shared_ptr<State> state_;
  };

  // Collectives on device arrays, in the order of `exec`: they see what kernels queued on it before wrote, and kernels
  // queued on it after the call (after `wait`, for the started ones) see the result.
  // `counts[r]` elements belong to rank r: `whole` holds the blocks of all ranks one after another, `mine` this rank's.
  // Counts may differ and may be zero, and are the same list on all ranks. Both arrays have one dtype
  // and do not overlap.

  /// Sum over the group, in place.
  void all_reduce_sum(Exec const& exec, Array const&) const;
  /// `whole` becomes everybody's `mine`.
  void all_gather(Exec const& exec, Array const& mine, Array const& whole, std::vector<index_t> const& counts) const;
  /// `mine` becomes this rank's block of the sum of everybody's `whole`: the adjoint of all_gather.
  void reduce_scatter_sum(Exec const& exec, Array const& whole, Array const& mine,
                          std::vector<index_t> const& counts) const;

  // The same, started. The arrays are not to be touched before `wait`, and all ranks start the calls of a group in
  // one order.
  Exchange start_all_reduce_sum(Exec const& exec, Array const&) const;
  Exchange start_all_gather(Exec const& exec, Array const& mine, Array const& whole,
                            std::vector<index_t> const& counts) const;
  Exchange start_reduce_scatter_sum(Exec const& exec, Array const& whole, Array const& mine,
                                    std::vector<index_t> const& counts) const;

  /// Sends and receives at once; every peer must list the mirror image. Waits for `exec` before sending.
  Exchange start(Exec const& exec, std::vector<Message> const& sends, std::vector<Message> const& receives) const;

  /// The MPI communicator behind it as an MPI_Comm handle pointer (parallel files); null without MPI.
  void* native_handle() const;

  struct Impl;

private:
  explicit Communicator(std::shared_ptr<Impl>);
  std::shared_ptr<Impl> impl_;
};

} // namespace rossby
