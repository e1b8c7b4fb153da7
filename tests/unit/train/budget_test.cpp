// What a forecast and a training step of the one-degree deck may cost, counted: kernels, products, copies, waits and
// memory. Times depend on the machine; these don't, and a GPU pays for each of them. The limits are in
// tests/budgets/wxformer_1deg.yml: to exceed one fails, and so does a limit that stands more than a tenth above what
// is used, so that what has been won is not lost again unseen.

#include "optim/adamw.hpp"
#include <rossby/core/pool.hpp>
#include <rossby/models/spec.hpp>
#include <rossby/parallel.hpp>
#include <support/host_waits.hpp>
#include <support/kokkos_callbacks.hpp>
#include <support/small_model.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace rossby {
namespace {
using namespace test;

struct Counts {
  std::uint64_t launches = 0, products = 0, copies = 0, copied_bytes = 0;
} counted; // Kokkos' callbacks are plain functions

void on_kernel(char const* name, std::uint32_t, std::uint64_t*)
{
  if (std::strncmp(name, "rossby::", 8) == 0) // fills and products launch what their library likes
    ++counted.launches;
}
void on_region(char const* name)
{
  if (std::strncmp(name, "KokkosBlas::gemm", 16) == 0)
    ++counted.products;
}
void on_copy(Kokkos::Tools::SpaceHandle, char const*, void const*, Kokkos::Tools::SpaceHandle, char const*, void const*,
             std::uint64_t bytes)
{
  ++counted.copies;
  counted.copied_bytes += bytes;
}

double mib(std::size_t bytes) { return static_cast<double>(bytes) / 1048576; }

/// What `work` costs. The arrays that live before it are not counted among its own.
template <class Work> std::map<std::string, double> cost_of(Work const& work)
{
  Pool& pool = Pool::current();
  pool.reset_peak();
  std::size_t const before = pool.bytes_in_use();
  std::uint64_t const waits = all_waits();
  counted = {};
  KokkosCallbacks const count({on_kernel, on_copy, nullptr, on_region});
  work();
  return {{"launches", static_cast<double>(counted.launches)},      {"products", static_cast<double>(counted.products)},
          {"copies", static_cast<double>(counted.copies)},          {"copied_mib", mib(counted.copied_bytes)},
          {"host_waits", static_cast<double>(all_waits() - waits)}, {"arrays_mib", mib(pool.peak_bytes() - before)}};
}

void expect_within(DeckNode const& limits, std::map<std::string, double> const& cost)
{
  for (auto const& [what, used] : cost) {
    auto const limit = limits[what].as<double>();
    std::string const say = limits.path() + "." + what + " in tests/budgets/wxformer_1deg.yml";
    EXPECT_LE(used, limit) << say << ": more than it may cost";
    EXPECT_GE(used, 0.9 * limit) << say << ": less than it may cost; lower the limit";
  }
}

TEST(Budget, OneDegree)
{
  std::string const source = ROSSBY_SOURCE_DIR;
  Problems problems;
  auto const deck = Deck::load(source + "/inputs/wxformer_1deg.yml");
  auto const model = make_model(*read_spec(deck["model"], problems));
  problems.raise();
  auto const limits = Deck::load(source + "/tests/budgets/wxformer_1deg.yml");

  Exec const exec;
  model->allocate(exec, DType::float32, 3);
  model->set_activation_checkpoint(false);
  auto& parameters = model->parameters();
  auto const& fields = model->fields();
  Array const x = tile_of_field(DType::float32, model->input_tiling(), 0, 1, fields.input_channels(), 1);
  Array const seed = tile_of_field(DType::float32, model->output_tiling(), 0, 1, fields.output_channels(), 2);
  Gradients gradients(parameters);
  AdamW optimizer(parameters, {});

  auto const forecast = [&] {
    Context context;
    model->forward(context, Var(x));
  };
  auto const step = [&] {
    Tape tape;
    Context context{exec, &tape, true};
    Var const y = model->forward(context, Var(x));
    Gradients::Overlap overlap(gradients, parameters);
    tape.backward(exec, y, seed, &overlap);
    gradients.collect(exec, parameters);
    optimizer.step(exec, parameters, gradients, 1e-3, 1 / gradients.norm(exec));
  };
  step(); // plans, moments and the first steps of the power iteration are made once
  expect_within(limits["step"], cost_of(step));
  expect_within(limits["forecast"], cost_of(forecast));
}

} // namespace
} // namespace rossby
