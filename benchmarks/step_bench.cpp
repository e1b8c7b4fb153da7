/// \file
/// Times forecasts (forward passes that record nothing) and training steps (forward, backward, AdamW) of a deck's model
/// on random numbers, one sample per rank, ranks being data parallel.
///   step_bench DECK [forecasts] [steps]
/// Prints one line of JSON: seconds of each repetition and the largest memory of any rank.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/models/model.hpp>
#include <rossby/optim/adamw.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>

namespace {
using namespace rossby;

/// Largest resident memory of this process so far, MiB.
double peak_memory()
{
  std::ifstream status("/proc/self/status");
  std::string word;
  double kib = 0;
  while (status >> word)
    if (word == "VmHWM:")
      status >> kib;
  return kib / 1024;
}

/// Numbers in [-1, 1) that differ from sample to sample.
Array random_fields(Shape const& shape, int sample)
{
  std::vector<double> values(static_cast<std::size_t>(product(shape)));
  std::uint64_t state = 0x9e3779b97f4a7c15u * static_cast<std::uint64_t>(sample + 1);
  for (auto& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(state >> 40) / (1 << 23) - 1;
  }
  return Array::from_host(DType::float32, shape, values);
}

/// d/dy of mean(y^2) over `ranks` samples.
Array gradient_of_mean_square(Exec const& exec, Array const& y, int ranks)
{
  Array const seed = Array::empty(y.dtype(), y.shape());
  auto const from = y.flat<float>();
  auto const to = seed.flat<float>();
  float const factor = 2.0f / (static_cast<float>(y.size()) * static_cast<float>(ranks));
  Kokkos::parallel_for(
      "rossby::benchmarks::seed", Range(exec, 0, y.size()), KOKKOS_LAMBDA(index_t i) { to(i) = factor * from(i); });
  return seed;
}

/// Seconds of the slowest rank, for each of `count` repetitions after one that is not counted.
std::vector<double> time_each(Communicator const& world, Exec const& exec, int count, std::function<void()> const& work)
{
  std::vector<double> seconds;
  for (int i = 0; i <= count; ++i) {
    exec.fence();
    world.barrier();
    auto const start = std::chrono::steady_clock::now();
    work();
    exec.fence();
    double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    world.all_reduce_max(&elapsed, 1);
    if (i > 0)
      seconds.push_back(elapsed);
  }
  return seconds;
}

void run(std::string const& deck_file, int forecasts, int steps)
{
  Deck const deck = Deck::load(deck_file);
  Problems problems;
  ModelConfig const config = ModelConfig::read(deck["model"], problems);
  problems.raise();

  auto const world = Communicator::world();
  auto const model = make_model(config);
  Context context;
  Exec const& exec = context.exec;
  Parameters& parameters = model->parameters();
  model->allocate(exec, DType::float32, 42);
  Var const x(random_fields({1, config.image_height, config.image_width, config.input_channels()}, world.rank()));

  Gradients gradients(parameters);
  AdamW optimizer(parameters, AdamWConfig());
  double loss_seen = 0;
  auto const step = time_each(world, exec, steps, [&] {
    Tape tape;
    context.tape = &tape;
    context.training = true;
    Var const y = model->forward(context, x);
    tape.backward(exec, y, gradient_of_mean_square(exec, y.value(), world.size()));
    gradients.collect(exec, parameters, world);
    optimizer.step(exec, parameters, gradients, 1e-4, 1.0);
    ++context.step;
    context.tape = nullptr;
    context.training = false;
  });
  double const step_peak = peak_memory();
  auto const forecast =
      time_each(world, exec, forecasts, [&] { loss_seen = model->forward(context, x).value().to_host()[0]; });

  double peak = step_peak;
  world.all_reduce_max(&peak, 1);
  if (world.rank() == 0)
    fmt::print("{{\"program\": \"rossby\", \"ranks\": {}, \"forecast_s\": [{:.4f}], \"step_s\": [{:.4f}], "
               "\"peak_mib\": {:.0f}, \"parameters\": {}, \"first_value\": {:.6g}}}\n",
               world.size(), fmt::join(forecast, ", "), fmt::join(step, ", "), peak, parameters.count_trainable(),
               loss_seen);
}
} // namespace

int main(int argc, char** argv)
{
  if (argc < 2) {
    std::fputs("usage: step_bench DECK [forecasts] [steps]\n", stderr);
    return 2;
  }
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  try {
    run(argv[1], argc > 2 ? std::atoi(argv[2]) : 3, argc > 3 ? std::atoi(argv[3]) : 3);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    rossby::abort_all_ranks(1);
  }
  return 0;
}
