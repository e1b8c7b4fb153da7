// A training step of every model runs on the instance that it is given and on no other, every kernel and allocation
// says whose it is, and the host waits only where it needs a value (docs/design.md lists where).

#include "optim/adamw.hpp"
#include <rossby/parallel.hpp>
#include <support/host_waits.hpp>
#include <support/kokkos_callbacks.hpp>
#include <support/small_model.hpp>
#include <support/small_models.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <set>

namespace rossby {
namespace {
using namespace test;

/// What Kokkos tells its tools. (Its callbacks are plain functions.)
struct Seen {
  std::set<std::string> strangers; ///< kernels and allocations without a label of ours
  std::set<std::string> elsewhere; ///< kernels on another instance
  int kernels = 0, copies = 0;
} seen;
std::uint32_t expected_device = 0;

/// Of a kernel of ours, or of those with which Kokkos itself fills, copies and multiplies.
bool known(std::string const& label)
{
  static std::regex const ours("rossby::(core|comm|ops|dist|autograd|params|nn|models|parallel|optim|train)::\\w+");
  for (char const* of_kokkos : {"Kokkos::ViewFill", "Kokkos::ViewCopy", "Kokkos::deep_copy", "KokkosBlas::"})
    if (label.rfind(of_kokkos, 0) == 0)
      return true;
  return std::regex_match(label, ours);
}

void on_kernel(char const* name, std::uint32_t device, std::uint64_t*)
{
  ++seen.kernels;
  if (!known(name))
    seen.strangers.insert(name);
  if (device != expected_device)
    seen.elsewhere.insert(name);
}
void on_copy(Kokkos::Tools::SpaceHandle, char const*, void const*, Kokkos::Tools::SpaceHandle, char const*, void const*,
             std::uint64_t)
{
  ++seen.copies;
}
void on_allocation(Kokkos::Tools::SpaceHandle, char const* name, void const*, std::uint64_t)
{
  if (!known(name) && std::string(name) != "Kokkos::Serial::scratch_mem")
    seen.strangers.insert(std::string("memory of ") + name);
}

std::string list(std::set<std::string> const& names)
{
  std::string text;
  for (auto const& name : names)
    text += "\n  " + name;
  return text;
}

class TrainingStep : public ::testing::TestWithParam<SmallModel> {};

TEST_P(TrainingStep, KeepsToItsInstanceAndWaitsOnlyForValues)
{
  Exec const exec;
  auto const model = make_model(*GetParam().spec);
  model->allocate(exec, DType::float32, 3);
  auto& parameters = model->parameters();
  auto const& fields = model->fields();
  index_t const batch = 2;
  Array const x = tile_of_field(DType::float32, model->input_tiling(), 0, batch, fields.input_channels(), 1);
  Array const seed = tile_of_field(DType::float32, model->output_tiling(), 0, batch, fields.output_channels(), 2);
  Gradients gradients(parameters);
  AdamW optimizer(parameters, {});
  for (int step = 0; step < 2; ++step) { // in the first, plans that modules need are made
    seen = {};
    expected_device = Kokkos::Tools::Experimental::device_id(exec);
    KokkosCallbacks const watch({on_kernel, on_copy, on_allocation});
    auto const before = all_waits();
    Tape tape;
    Context context{exec, &tape, true};
    context.step = static_cast<std::uint64_t>(step);
    Var const y = model->forward(context, Var(x));
    Gradients::Overlap overlap(gradients, parameters);
    tape.backward(exec, y, seed, &overlap);
    gradients.collect(exec, parameters);
    double const norm = gradients.norm(exec);
    optimizer.step(exec, parameters, gradients, 1e-3, 1 / norm);

    EXPECT_TRUE(seen.strangers.empty()) << list(seen.strangers);
    EXPECT_TRUE(seen.elsewhere.empty()) << list(seen.elsewhere);
    EXPECT_GT(seen.kernels, 20);
    if (step == 0)
      continue;
    // The length of the gradient, and nothing else.
    EXPECT_EQ(all_waits() - before, 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, TrainingStep, ::testing::ValuesIn(small_models()),
                         [](auto const& one) { return one.param.name; });

} // namespace
} // namespace rossby
