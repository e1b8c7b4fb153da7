#include "communicator_mpi.hpp"

#include <rossby/comm/runtime.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace rossby {

namespace {
bool started_mpi = false;              // ours to finalise
std::optional<Communicator> everybody; // of this program: there while a CommRuntime lives
MPI_Comm meeting = MPI_COMM_NULL;      // for all_ranks_arrive alone, which must not match anything else

/// The default of a program: nobody else can end it.
void end_process(std::string const& message, double limit)
{
  std::fputs(message.c_str(), stderr);
  std::fflush(stderr);
  // Other waiting ranks have a moment to say the same.
  std::this_thread::sleep_for(std::chrono::duration<double>(std::clamp(limit / 10, 0.5, 10.0)));
  std::_Exit(1);
}
} // namespace

namespace mpi {

void check(int code, char const* operation)
{
  if (code == MPI_SUCCESS)
    return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail(operation, fmt::format("message passing failed: {}", std::string(text, static_cast<std::size_t>(length))));
}

int as_count(std::size_t n, char const* operation)
{
  if (n > static_cast<std::size_t>(INT_MAX))
    fail(operation, fmt::format("{} elements in one message; MPI counts at most {}", n, INT_MAX));
  return static_cast<int>(n);
}

std::vector<int> starts_of(std::vector<int> const& counts, char const* operation)
{
  std::vector<int> starts;
  std::size_t at = 0;
  for (int const c : counts) {
    starts.push_back(as_count(at, operation));
    at += static_cast<std::size_t>(c);
  }
  as_count(at, operation);
  return starts;
}

} // namespace mpi

using mpi::check;

CommRuntime::CommRuntime(int& argc, char**& argv)
{
  ROSSBY_EXPECT(!everybody);
  double const limit = Watchdog::seconds_from_environment();
  check_device_messages();
  int initialised = 0;
  MPI_Initialized(&initialised);
  if (!initialised) {
    int provided = 0;
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    started_mpi = true;
    if (provided < MPI_THREAD_FUNNELED)
      fail("MPI_Init_thread", "this MPI does not allow threads beside the one that communicates",
           "use an MPI built with thread support (MPI_THREAD_FUNNELED)");
  }
  MPI_Comm const world = MPI_COMM_WORLD; // of the program: nothing else asks for it
  check(MPI_Comm_dup(world, &meeting), "MPI_Comm_dup");
  everybody = Communicator::from_native(&world, Communicator::Handle::borrowed, "world");
  if (everybody->size() > 1)
    watchdog_ = std::make_unique<Watchdog>(limit, [limit](std::string const& text) { end_process(text, limit); });
}

CommRuntime::~CommRuntime()
{
  watchdog_.reset();
  everybody.reset();
  if (!mpi::running())
    return;
  MPI_Comm_free(&meeting);
  if (started_mpi)
    MPI_Finalize();
  started_mpi = false;
}

Communicator Communicator::world()
{
  ROSSBY_EXPECT(everybody);
  return *everybody;
}

void abort_all_ranks(int exit_code)
{
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::abort();
}

std::string message_passing()
{
  int version = 0, subversion = 0;
  MPI_Get_version(&version, &subversion);
  auto const nccl = nccl_version();
  return fmt::format("MPI {}.{}{}{}", version, subversion, nccl.empty() ? "" : ", NCCL ", nccl);
}

bool all_ranks_arrive(double seconds)
{
  if (meeting == MPI_COMM_NULL)
    return true;
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(meeting, &request), "all_ranks_arrive");
  auto const deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int arrived = 0;;) {
    check(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE), "all_ranks_arrive");
    if (arrived)
      return true;
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

} // namespace rossby
