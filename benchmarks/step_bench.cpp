/// \file
/// Times forecasts (forward passes that record nothing) and training steps (forward, backward, AdamW) of a deck's model
/// on random numbers, one sample per data-parallel rank, on the deck's mesh.
///   step_bench DECK [forecasts] [steps] [KEY=VALUE ...]
/// where KEY=VALUE replaces a deck key, as in trainer.parallelism.tensor=2 or trainer.amp=true. Prints one line of
/// JSON: seconds of each repetition; of the rank that has most of it: the process' largest memory, the bytes of
/// parameters and optimizer state, and what other arrays took at their peak; and what all ranks together send in one
/// step, by group and operation.

#include "optim/adamw.hpp"
#include "train/config.hpp"
#include <rossby/comm/communicator.hpp>
#include <rossby/comm/counters.hpp>
#include <rossby/comm/runtime.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/core/pool.hpp>
#include <rossby/parallel.hpp>
#include <rossby/session.hpp>

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
  return Array::from_host(Exec(), DType::float32, shape, values);
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

/// Bytes that this rank stores of the parameters and of the optimizer's state.
double stored_bytes(Parameters const& parameters, AdamW const& optimizer)
{
  std::size_t bytes = 0;
  for (int i = 0; i < parameters.size(); ++i) {
    bytes += parameters[i].value().bytes();
    if (auto const& m = optimizer.moments(i); m.first)
      bytes += m.first.bytes() + m.second.bytes();
  }
  return static_cast<double>(bytes);
}

void run(Deck const& deck, int forecasts, int steps)
{
  auto const world = Communicator::world();
  auto session = Session::open(deck, Session::Purpose::model, world);
  Mesh const& mesh = session.mesh();
  Model* const model = &session.model();
  auto const& parallelism = session.config().trainer.parallelism;
  FieldShape const& fields = session.config().model->fields;
  model->set_activation_checkpoint(false); // whatever the deck says: times are of the plain step
  Context context;
  Exec const& exec = context.exec;
  Parameters& parameters = model->parameters();
  Box const tile = model->input_tiling().box(mesh.spatial.rank());
  Var const x(random_fields({1, tile.rows(), tile.cols(), fields.input_channels()}, world.rank()));

  Gradients gradients(parameters);
  AdamW optimizer(parameters, AdamWConfig());
  double loss_seen = 0;
  CommCosts step_costs;
  auto const step = time_each(world, exec, steps, [&] {
    auto const before = comm_costs(world);
    Tape tape;
    context.tape = &tape;
    context.training = true;
    Var const y = model->forward(context, x);
    Gradients::Overlap overlap(gradients, parameters);
    tape.backward(exec, y, gradient_of_mean_square(exec, y.value(), mesh.data.size()), &overlap);
    gradients.collect(exec, parameters);
    optimizer.step(exec, parameters, gradients, 1e-4, 1.0);
    ++context.step;
    context.tape = nullptr;
    context.training = false;
    step_costs = difference(comm_costs(world), before);
  });
  std::string sent;
  for (auto const& [name, cost] : over_ranks(world, step_costs))
    if (cost.bytes > 0)
      sent += fmt::format("{}\"{} {}\": {:.3f}", sent.empty() ? "" : ", ", name.first, name.second,
                          static_cast<double>(cost.bytes) / 1048576);
  double const stored = stored_bytes(parameters, optimizer);
  double most[] = {peak_memory(), stored / 1048576,
                   (static_cast<double>(Environment::current().pool()->peak_bytes()) - stored) / 1048576};
  world.all_reduce_max(most, 3);
  auto const forecast = time_each(world, exec, forecasts, [&] {
    auto const y = model->forward(context, x).value().to_host(Exec());
    loss_seen = y.empty() ? 0 : y[0];
  });
  if (world.rank() == 0)
    fmt::print(
        "{{\"program\": \"rossby\", \"ranks\": {}, \"samples\": {}, \"amp\": {}, \"mesh\": \"{} x {} x {} x {}\", "
        "\"forecast_s\": [{:.4f}], \"step_s\": [{:.4f}], \"peak_mib\": {:.0f}, \"stored_mib\": {:.2f}, "
        "\"other_arrays_mib\": {:.1f}, \"sent_mib\": {{{}}}, \"parameters\": {}, \"first_value\": {:.6g}}}\n",
        world.size(), mesh.data.size(), session.config().trainer.precision.fields == DType::bfloat16, mesh.data.size(),
        parallelism.tensor, parallelism.domain[0], parallelism.domain[1], fmt::join(forecast, ", "),
        fmt::join(step, ", "), most[0], most[1], most[2], sent, parameters.count_trainable(), loss_seen);
}
} // namespace

int main(int argc, char** argv)
{
  if (argc < 2) {
    std::fputs("usage: step_bench DECK [forecasts] [steps] [KEY=VALUE ...]\n", stderr);
    return 2;
  }
  rossby::CommRuntime const runtime(argc, argv);
  rossby::Environment const environment(argc, argv);
  try {
    std::vector<std::string> overrides;
    for (int i = 4; i < argc; ++i)
      overrides.push_back(argv[i]);
    run(rossby::Deck::load(argv[1], overrides), argc > 2 ? std::atoi(argv[2]) : 3, argc > 3 ? std::atoi(argv[3]) : 3);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    rossby::abort_all_ranks(1);
  }
  return 0;
}
