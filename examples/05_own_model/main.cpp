/// \file
/// A model of one's own on a mesh: the same numbers from all ranks together as from each of them alone.
///
///   mpirun -n 2 05_own_model

#include "neighbours.hpp"

#include <rossby/parallel.hpp>
#include <rossby/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>

namespace {

std::vector<double> forecast(rossby::Spec const& spec, rossby::Communicator const& ranks)
{
  rossby::ParallelismConfig parallelism;
  parallelism.domain = {ranks.size(), 1};
  auto const mesh = rossby::build_device_mesh(parallelism, ranks);
  auto const model = rossby::make_model(spec);
  rossby::parallelise(*model, mesh, parallelism);
  rossby::Context context;
  model->allocate(context.exec, rossby::DType::float64, 42);

  auto const& f = spec.fields;
  rossby::Shape const shape{1, f.height, f.width, f.input_channels()};
  std::vector<double> waves;
  for (int i = 0; i < f.height * f.width * f.input_channels(); ++i)
    waves.push_back(std::sin(0.1 * i));
  auto const manager = rossby::get_domain_manager(*model);
  auto const whole = rossby::Array::from_host(rossby::Exec(), rossby::DType::float64, shape, waves);
  rossby::Var const tile(rossby::shard_spatial(context.exec, whole, manager));
  rossby::Var const next = model->forward(context, tile);
  return rossby::gather_spatial(context.exec, next.value(), manager, manager.output()).to_host(rossby::Exec());
}

bool run()
{
  example::NeighboursSpec spec;
  spec.fields = {24, 48, 1, 1, 2, 3, 2, 1, 0};
  auto const world = rossby::Communicator::world();
  auto const together = forecast(spec, world), alone = forecast(spec, rossby::Communicator());
  double difference = 0;
  for (std::size_t i = 0; i < alone.size(); ++i)
    difference = std::max(difference, std::abs(together[i] - alone[i]));
  if (world.rank() == 0)
    std::printf("%d ranks together and one alone differ by %.1e\n", world.size(), difference);
  return difference < 1e-12;
}

} // namespace

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  try {
    return run() ? 0 : 1;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
