// A job in which the last rank never comes: absent_rank collective|exchange|started. The others wait for it in that
// kind of call; regression/absent_rank.sh says what must happen then.
#include <rossby/comm/communicator.hpp>
#include <rossby/core/environment.hpp>

#include <chrono>
#include <string>
#include <thread>

using namespace rossby;

int main(int argc, char** argv)
{
  CommRuntime const runtime(argc, argv);
  Environment const environment(argc, argv);
  auto const world = Communicator::world();
  std::string const kind = argc > 1 ? argv[1] : "collective";
  int const absent = world.size() - 1;
  auto const array = Array::zeros(Exec(), DType::float64, {1000});
  world.barrier();
  if (world.rank() == absent)
    std::this_thread::sleep_for(std::chrono::minutes(1));
  else if (kind == "collective")
    world.named("data").all_reduce_sum(Exec(), array);
  else if (kind == "started")
    world.named("tensor").start_all_reduce_sum(Exec(), array).wait();
  else
    world.named("domain").start(Exec(), {}, {{absent, array.data(), array.bytes()}}).wait();
  return 0;
}
