// The one main of all test executables: message passing and Kokkos around GoogleTest; rank 0 alone prints results,
// and any rank's failure fails the run.
#include <rossby/comm/communicator.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/log.hpp>

#include <gtest/gtest.h>

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  auto const world = rossby::Communicator::world();
  rossby::log::set_rank(world.rank());
  if (world.rank() != 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  double failed = RUN_ALL_TESTS() == 0 ? 0 : 1;
  if (failed != 0 && world.rank() != 0)
    std::fprintf(stderr, "rank %d failed\n", world.rank());
  world.all_reduce_max(&failed, 1);
  return failed == 0 ? 0 : 1;
}
