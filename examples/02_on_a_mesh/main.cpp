/// \file
/// One forward pass on a mesh of ranks: the field is cut into tiles, every rank computes on its own, and the result is
/// gathered. The numbers are those of one rank, whatever the mesh.
///
///   mpirun -n 4 02_on_a_mesh 2 1 2      # a tensor group of two, tiles of the globe 1 x 2

#include <rossby/communicator.hpp>
#include <rossby/families.hpp>
#include <rossby/parallel.hpp>
#include <rossby/runtime.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

rossby::WXFormerConfig small_model()
{
  rossby::WXFormerConfig config;
  config.fields.height = 45; // with its padding over poles and date line 96 x 96
  config.fields.width = 90;
  config.fields.frames = 1;
  config.fields.channels = 2;
  config.fields.levels = 3;
  config.fields.surface_channels = 2;
  config.fields.input_only_channels = 1;
  config.dim = {8, 16, 32, 64};
  config.depth = {1, 1, 1, 1};
  config.dim_head = 2; // four heads in the first stage
  config.local_window = {3, 3, 3, 3};
  config.global_window = {4, 4, 2, 1};
  config.strides = {2, 2, 2, 2};
  config.spectral_norm = false;
  config.padding = {true, rossby::SpherePadding::Mode::earth, 26, 25, 3, 3};
  return config;
}

/// A wave in every channel, [1, H, W, C].
rossby::Array waves(rossby::WXFormerConfig const& config)
{
  std::vector<double> values;
  double const pi = std::acos(-1.0);
  for (int row = 0; row < config.fields.height; ++row)
    for (int column = 0; column < config.fields.width; ++column)
      for (int channel = 0; channel < config.fields.input_channels(); ++channel)
        values.push_back(std::sin(2 * pi * (channel + 1) * column / config.fields.width) *
                         std::cos(pi * (row + 0.5) / config.fields.height));
  rossby::Shape const shape{1, config.fields.height, config.fields.width, config.fields.input_channels()};
  return rossby::Array::from_host(rossby::Exec(), rossby::DType::float64, shape, values);
}

void run(int argc, char** argv)
{
  auto const world = rossby::Communicator::world();
  rossby::ParallelismConfig parallelism;
  parallelism.domain = {world.size(), 1};
  if (argc == 4) {
    parallelism.tensor = std::atoi(argv[1]);
    parallelism.domain = {std::atoi(argv[2]), std::atoi(argv[3])};
  }
  auto const mesh = rossby::build_device_mesh(parallelism, world);
  auto const model = rossby::make_model(small_model());
  rossby::parallelise(*model, mesh, parallelism);

  rossby::Context context; // no tape: nothing is recorded
  model->allocate(context.exec, rossby::DType::float64, 42);

  auto const manager = rossby::get_domain_manager(*model);
  rossby::Var const tile(rossby::shard_spatial(context.exec, waves(small_model()), manager));
  rossby::Var const next = model->forward(context, tile);
  auto const values =
      rossby::gather_spatial(context.exec, next.value(), manager, manager.output()).to_host(rossby::Exec());

  double squares = 0;
  for (double const v : values)
    squares += v * v;
  if (world.rank() == 0)
    std::printf("%d ranks, %zu values, length %.10f\n", world.size(), values.size(), std::sqrt(squares));
}

} // namespace

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv); // first in, last out: message passing, then devices and memory
  rossby::Environment const environment(argc, argv);
  try {
    run(argc, argv);
    return 0;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    rossby::abort_all_ranks(1);
  }
}
