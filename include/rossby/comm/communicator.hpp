#pragma once
/// \file
/// Groups of ranks. The bodies of groups of several ranks are chosen when the library is linked: communicator_mpi.cpp
/// or communicator_self.cpp; a size-1 group is an ordinary group that makes no call of MPI, and nobody above this layer
/// asks which body it is. rossby/mpi.hpp makes groups from communicators of a host program.

#include <rossby/core/array.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// A group of ranks. Copies are the same group. Calls are collective unless they say otherwise (those that only ask,
/// like rank(), don't communicate). Device arrays may be passed directly.
class Communicator {
public:
  Communicator(); ///< this rank alone, named "self": makes no call of MPI, which need not have been started
  /// All ranks of the program. \throws std::logic_error where there is no CommRuntime: a host program that starts MPI
  /// itself says which of its ranks take part.
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
  /// Communication under way: started by a `start…` call, complete after `wait`. Arrays handed to a collective, and
  /// those given to `keep`, live until then; other blocks of messages are for the caller to keep.
  ///
  /// An exchange that goes without `wait` (an exception is on its way) waits in its destructor, since messages may
  /// still be written to its arrays. Where the exception is this rank's alone the others may never answer: after a few
  /// seconds the messages are left to themselves, and their kept arrays are never freed.
  class [[nodiscard]] Exchange {
  public:
    Exchange() = default;
    Exchange(Exchange&&) noexcept = default;
    Exchange& operator=(Exchange&&) noexcept;
    ~Exchange();
    /// Holds the array until `wait`.
    void keep(Array const&);
    /// Lets messages move on, and waits for none. MPI works on them inside of its calls only: without a turn now and
    /// then, large ones would not leave before `wait`.
    void progress();
    /// What arrived can be read by kernels that are queued on the `exec` of the start after this call.
    void wait();

    struct State;
    explicit Exchange(std::shared_ptr<State>);

  private:
    void drop() noexcept;
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

  /// The MPI communicator behind it as an MPI_Comm handle pointer (parallel files); null for one rank and without MPI.
  void* native_handle() const;
  /// What mpi.hpp's functions come to: the group of an MPI_Comm, given by address. Collective over it.
  enum class Handle { borrowed, owned };
  static Communicator from_native(void const* mpi_comm, Handle, std::string name);
  /// The same of a Fortran handle (`comm%mpi_val`, or the integer of `use mpi`), borrowed.
  static Communicator from_fortran(int mpi_comm, std::string name);

  struct Impl;
  Impl const& impl() const { return *impl_; } ///< for the bodies of this layer

private:
  explicit Communicator(std::shared_ptr<Impl const>);
  std::shared_ptr<Impl const> impl_;
};

} // namespace rossby
