// A job in which the last rank never comes: absent_rank collective|exchange|started|device. The others wait for it in
// that kind of call; regression/absent_rank.sh says what must happen then.
#include <rossby/comm/device_transport.hpp>
#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>

#include <chrono>
#include <string>
#include <thread>

using namespace rossby;

namespace {
/// Device messages that never arrive, though the host goes on.
class Lost : public DeviceTransport {
  class Never : public Ticket {
    void wait(Exec const&) override {}
    bool done() const override { return false; }
  };
  void begin(Exec const&) override {}
  std::shared_ptr<Ticket> end() override { return std::make_shared<Never>(); }
  void send(void const*, std::size_t, int) override {}
  void receive(void*, std::size_t, int) override {}
  void all_reduce_sum(void*, std::size_t, DType) override {}
  void broadcast(void const*, void*, std::size_t, DType, int) override {}
  void reduce_sum(void const*, void*, std::size_t, DType, int) override {}
  void all_gather(void const*, void*, std::size_t, DType) override {}
  void reduce_scatter_sum(void const*, void*, std::size_t, DType) override {}
};
} // namespace

int main(int argc, char** argv)
{
  CommRuntime const runtime(argc, argv);
  Environment const environment(argc, argv);
  auto const world = Communicator::world();
  std::string const kind = argc > 1 ? argv[1] : "collective";
  int const absent = world.size() - 1;
  auto const array = Array::zeros(Exec(), DType::float64, {1000});
  set_device_transport([](Communicator const&) { return std::make_unique<Lost>(); });
  auto const lost = world.split(0, world.rank());
  world.barrier();
  if (world.rank() == absent)
    std::this_thread::sleep_for(std::chrono::minutes(1));
  else if (kind == "device")
    lost.named("data").all_reduce_sum(Exec(), array);
  else if (kind == "collective")
    world.named("data").all_reduce_sum(Exec(), array);
  else if (kind == "started")
    world.named("tensor").start_all_reduce_sum(Exec(), array).wait();
  else
    world.named("domain").start(Exec(), {}, {{absent, array.data(), array.bytes()}}).wait();
  std::this_thread::sleep_for(std::chrono::seconds(kind == "device" ? 60 : 0));
  return 0;
}
