// The one main of all test executables: message passing and Kokkos around GoogleTest; rank 0 alone prints results,
// and any rank's failure fails the run.
#include <rossby/comm/communicator.hpp>
#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/log.hpp>

#include <gtest/gtest.h>

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
} // namespace

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  auto const world = rossby::Communicator::world();
  rossby::log::Scope const scope(std::make_shared<rossby::Log>(world.rank()));
  if (world.rank() != 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(world.rank()));
  }
  // An exception on one rank alone would leave the others waiting: it ends them all.
  if (world.size() > 1)
    ::testing::GTEST_FLAG(catch_exceptions) = false;
  double failed = 1;
  try {
    failed = RUN_ALL_TESTS() == 0 ? 0 : 1;
  } catch (std::exception const& e) {
    rossby::log::error(e.what());
    rossby::abort_all_ranks(1);
  }
  if (failed != 0 && world.rank() != 0)
    std::fprintf(stderr, "rank %d failed\n", world.rank());
  world.all_reduce_max(&failed, 1);
  return failed == 0 ? 0 : 1;
}
