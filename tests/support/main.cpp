// The one main of all test executables: message passing and Kokkos around GoogleTest; rank 0 alone prints results,
// and any rank's failure fails the run; so does a filter that no test passes. Each run has a temporary folder of its
// own, which goes with it.
#include <rossby/comm/communicator.hpp>
#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/log.hpp>
#include <support/listing.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace {
class FailurePrinter : public ::testing::EmptyTestEventListener {
public:
  explicit FailurePrinter(int rank) : rank_(rank) {}
  void OnTestPartResult(::testing::TestPartResult const& result) override
  {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", rank_, result.file_name() ? result.file_name() : "",
                   result.line_number(), result.message());
  }

private:
  int rank_;
};

/// Where temporary files of all ranks go: other tests, and the same on more ranks, run at the same time.
class TemporaryFolder {
public:
  explicit TemporaryFolder(rossby::Communicator const& world) : owner_(world.rank() == 0)
  {
    std::string const pattern = (std::filesystem::temp_directory_path() / "rossby_test_XXXXXX").string();
    std::array<char, 1024> path{};
    if (owner_ && pattern.copy(path.data(), path.size() - 1) < path.size() - 1 && !::mkdtemp(path.data()))
      path[0] = '\0';
    world.broadcast(path.data(), path.size(), 0);
    path_ = path.data();
    if (path_.empty())
      return;
    ::setenv("TMPDIR", path_.c_str(), 1);
    ::setenv("TEST_TMPDIR", path_.c_str(), 1);
  }
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  ~TemporaryFolder()
  {
    std::error_code ignored;
    if (owner_ && !path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }

private:
  bool owner_;
  std::string path_;
};
} // namespace

int main(int argc, char** argv)
{
  if (rossby::test::listed_ranks() > 0) { // asked when it is built, where neither MPI nor a device may be
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
  }
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  auto const world = rossby::Communicator::world();
  rossby::logging::Scope const scope(std::make_shared<rossby::Log>(world.rank()));
  if (world.rank() != 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(world.rank()));
  }
  // An exception on one rank alone would leave the others waiting: it ends them all.
  if (world.size() > 1)
    ::testing::GTEST_FLAG(catch_exceptions) = false;
  TemporaryFolder const folder(world);
  double failed = 1;
  try {
    failed = RUN_ALL_TESTS() == 0 && ::testing::UnitTest::GetInstance()->test_to_run_count() > 0 ? 0 : 1;
  } catch (std::exception const& e) {
    rossby::logging::error(e.what());
    rossby::abort_all_ranks(1);
  }
  if (failed != 0 && world.rank() != 0)
    std::fprintf(stderr, "rank %d failed\n", world.rank());
  world.all_reduce_max(&failed, 1);
  return failed == 0 ? 0 : 1;
}
