// Groups of one rank before message passing has been started, and without it ever being: no call of MPI is made.
// regression/host_programs.sh runs it.
#include <rossby/comm/agree.hpp>
#include <rossby/core/environment.hpp>

#include <cstdio>

using namespace rossby;

int main(int argc, char** argv)
{
  Communicator const alone;
  auto const grid = Communicator::cartesian(alone, {1, 1, 1}, {false, false, true});
  auto const part = grid.sub({true, false, true}).split(3, 1).named("part");
  Environment const environment(argc, argv);
  auto const a = Array::from_host(Exec(), DType::float64, {2}, {3, 4}), b = Array::zeros(Exec(), DType::float64, {2});
  alone.all_reduce_sum(Exec(), a);
  grid.all_gather(Exec(), a, b, {2});
  part.start(Exec(), {{0, a.data(), 8}}, {{0, b.data(), 8}}).wait();
  double value = 5;
  part.all_reduce_max(&value, 1);
  part.barrier();
  std::string text = "same";
  grid.broadcast(text, 0);
  collectively(part, [] {});
  bool const good = a.to_host(Exec()) == std::vector<double>{3, 4} && b.to_host(Exec()) == std::vector<double>{3, 4} &&
                    value == 5 && text == "same" && part.all_gather(text).size() == 1 && grid.rank() == 0 &&
                    grid.coordinates().size() == 3 && grid.periodic()[2] && !part.native_handle();
  std::puts(good ? "right" : "wrong");
  return good ? 0 : 1;
}
