#pragma once
/// \file
/// Groups of ranks from a host program's MPI communicators: all of its ranks or some. The one public header that
/// includes mpi.h, so that the compiler checks the handle; a program that includes it links MPI itself.

#include <rossby/comm/communicator.hpp>

#include <mpi.h>

namespace rossby {

/// The ranks of `comm`. The host keeps its handle and may use it as it likes: messages travel on a copy of it, which is
/// freed with the last group that uses it. MPI must have been started, at least with MPI_THREAD_FUNNELED where data are
/// read from files ahead of their use. Collective over `comm`.
inline Communicator borrow(MPI_Comm comm, std::string name = "world")
{
  return Communicator::from_native(&comm, Communicator::Handle::borrowed, std::move(name));
}

/// The same, on `comm` itself, which is freed with the last group that uses it.
inline Communicator own(MPI_Comm comm, std::string name = "world")
{
  return Communicator::from_native(&comm, Communicator::Handle::owned, std::move(name));
}

} // namespace rossby
