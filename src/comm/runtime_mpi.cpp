#include "communicator_mpi.hpp"
#include "watchdog.hpp"

#include <fmt/format.h>

#include <chrono>
#include <climits>
#include <cstdlib>
#include <thread>

namespace rossby {

namespace {
bool started_mpi = false; // ours to finalise
MPI_Comm world_copy = MPI_COMM_NULL;
std::shared_ptr<MpiGroup> everybody; // one, because it may have a transport
MPI_Comm meeting = MPI_COMM_NULL;    // for all_ranks_arrive alone, which must not match anything else
} // namespace

namespace mpi {

std::shared_ptr<MpiGroup> world()
{
  if (!everybody)
    everybody = std::make_shared<MpiGroup>(world_copy == MPI_COMM_NULL ? MPI_COMM_WORLD : world_copy, false);
  return everybody;
}

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
  double const limit = watchdog::limit_from_environment();
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
  everybody.reset();
  check(MPI_Comm_dup(MPI_COMM_WORLD, &world_copy), "MPI_Comm_dup");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &meeting), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(world_copy, MPI_ERRORS_RETURN);
  int ranks = 1;
  check(MPI_Comm_size(world_copy, &ranks), "MPI_Comm_size");
  if (ranks > 1)
    watchdog::start(limit);
}

CommRuntime::~CommRuntime()
{
  watchdog::stop();
  everybody.reset();
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized)
    return;
  MPI_Comm_free(&meeting);
  MPI_Comm_free(&world_copy);
  if (started_mpi)
    MPI_Finalize();
  started_mpi = false;
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
