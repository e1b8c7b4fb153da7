#include "blocks.hpp"
#include "communicator_impl.hpp"

#include <rossby/comm/runtime.hpp>

#include <cstdlib>

namespace rossby {

CommRuntime::CommRuntime(int&, char**&) {}
CommRuntime::~CommRuntime() = default;
void abort_all_ranks(int exit_code) { std::_Exit(exit_code); }
bool all_ranks_arrive(double) { return true; }
std::string message_passing() { return "one rank"; }

Communicator Communicator::world() { return Communicator().named("world"); }

Communicator Communicator::split(int, int) const
{
  Impl part{name()};
  part.counts = impl_->counts;
  return Communicator(std::make_shared<Impl const>(std::move(part)));
}

Communicator Communicator::cartesian(Communicator const& all, std::vector<int> const& extents,
                                     std::vector<bool> const& periodic)
{
  expect_grid(all, extents, periodic);
  return Communicator(std::make_shared<Impl const>(all.impl_->as_grid(extents, periodic)));
}

Communicator Communicator::sub(std::vector<bool> const& keep) const
{
  ROSSBY_EXPECT(is_cartesian() && keep.size() == impl_->extents.size());
  auto [extents, periodic] = impl_->axes(keep);
  return Communicator(std::make_shared<Impl const>(impl_->as_grid(std::move(extents), std::move(periodic))));
}

Communicator Communicator::from_native(void const*, Handle, std::string)
{
  fail("communicator", "this Rossby is built without MPI", "configure it with -DROSSBY_ENABLE_MPI=ON");
}
Communicator Communicator::from_fortran(int, std::string name)
{
  return from_native(nullptr, Handle::borrowed, std::move(name));
}

void Communicator::barrier() const {}
void Communicator::all_reduce_sum(double*, std::size_t) const {}
void Communicator::all_reduce_sum(std::int64_t*, std::size_t) const {}
void Communicator::all_reduce_max(double*, std::size_t) const {}
void Communicator::all_reduce_min(double*, std::size_t) const {}
void Communicator::broadcast(void*, std::size_t, int) const {}
void Communicator::broadcast(std::string&, int) const {}
std::vector<double> Communicator::all_gather(std::vector<double> const& mine) const { return mine; }
std::vector<std::string> Communicator::all_gather(std::string const& mine) const { return {mine}; }
std::vector<std::vector<double>> Communicator::gather(std::vector<double> const& mine, int) const { return {mine}; }

std::vector<std::vector<index_t>> Communicator::all_to_all(std::vector<std::vector<index_t>> const& send) const
{
  ROSSBY_EXPECT(send.size() == 1);
  return send;
}

void Communicator::all_reduce_sum(Exec const&, Array const&) const {}
Communicator::Exchange Communicator::start_all_reduce_sum(Exec const&, Array const&) const { return {}; }

void Communicator::all_gather(Exec const& exec, Array const& mine, Array const& whole,
                              std::vector<index_t> const& counts) const
{
  expect_blocks(*this, whole, mine, counts);
  copy_whole(exec, mine, whole);
}

void Communicator::reduce_scatter_sum(Exec const& exec, Array const& whole, Array const& mine,
                                      std::vector<index_t> const& counts) const
{
  expect_blocks(*this, whole, mine, counts);
  copy_whole(exec, whole, mine);
}

Communicator::Exchange Communicator::start_all_gather(Exec const& exec, Array const& mine, Array const& whole,
                                                      std::vector<index_t> const& counts) const
{
  all_gather(exec, mine, whole, counts);
  return {};
}

Communicator::Exchange Communicator::start_reduce_scatter_sum(Exec const& exec, Array const& whole, Array const& mine,
                                                              std::vector<index_t> const& counts) const
{
  reduce_scatter_sum(exec, whole, mine, counts);
  return {};
}

Communicator::Exchange Communicator::start(Exec const& exec, std::vector<Message> const& sends,
                                           std::vector<Message> const& receives) const
{
  ROSSBY_EXPECT(sends.size() == receives.size());
  using Bytes = View<char, 1>;
  for (std::size_t i = 0; i < sends.size(); ++i) {
    ROSSBY_EXPECT(sends[i].peer == 0 && receives[i].peer == 0 && sends[i].bytes == receives[i].bytes);
    if (sends[i].bytes > 0)
      Kokkos::deep_copy(exec, Bytes(static_cast<char*>(receives[i].data), sends[i].bytes),
                        Bytes(static_cast<char*>(sends[i].data), sends[i].bytes));
  }
  return {};
}

void* Communicator::native_handle() const { return nullptr; }

} // namespace rossby
