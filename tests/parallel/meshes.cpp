// ranks: 2 3 4 6 8
// A model on any mesh is the same function as on one rank: outputs, loss, every parameter gradient, and five steps of
// training.

#include "optim/adamw.hpp"
#include <rossby/parallel.hpp>
#include <support/small_model.hpp>
#include <support/small_models.hpp>
#include <support/whole_parameter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace rossby {
namespace {
using namespace test;

using Data = ParallelismConfig::Data;

struct Trial {
  std::shared_ptr<Spec const> model;
  index_t batch = 2; ///< of all data ranks together
  int steps = 1;
  Precision precision = DType::float64;
};

struct Result {
  std::vector<double> output; ///< of the first step: [batch, H, W, C]
  std::vector<std::vector<double>> gradients;
  std::vector<double> losses;
};

double length(std::vector<double> const& a)
{
  double sum = 0;
  for (double const x : a)
    sum += x * x;
  return std::sqrt(sum);
}

/// Samples [first, first + count) of a field.
Array samples(DType dtype, Tiling const& tiling, int rank, index_t channels, std::uint64_t stream, index_t first,
              index_t count)
{
  return tile_of_field(dtype, tiling, rank, first + count, channels, stream).rows(first, count);
}

/// Steps of AdamW on mean squared error. Every rank gets the whole result.
Result train(Trial const& trial, ParallelismConfig const& parallelism, Communicator const& world, bool checkpoint)
{
  Exec const exec;
  Mesh const mesh = build_device_mesh(parallelism, world);
  auto const model = make_model(*trial.model);
  parallelise(*model, mesh, parallelism);
  model->set_activation_checkpoint(checkpoint);
  model->allocate(exec, trial.precision, 3);
  DType const dtype = trial.precision.parameters;
  auto& parameters = model->parameters();
  auto const manager = get_domain_manager(*model);
  index_t const share = trial.batch / mesh.data.size(), first = share * mesh.data.rank();
  Gradients gradients(parameters);
  AdamW optimizer(parameters, {});
  Result result;
  for (int step = 0; step < trial.steps; ++step) {
    Tape tape;
    Context ctx{exec, &tape, true};
    ctx.first_sample = first;
    ctx.step = static_cast<std::uint64_t>(step);
    auto const stream = static_cast<std::uint64_t>(2 * step);
    int const me = manager.ranks().rank();
    Var const y = model->forward(
        ctx, Var(samples(dtype, manager.input(), me, trial.model->fields.input_channels(), stream + 1, first, share)));
    auto const out = y.value().to_host(exec);
    auto seed = samples(dtype, manager.output(), me, trial.model->fields.output_channels(), stream + 2, first, share)
                    .to_host(exec);
    double const count = static_cast<double>(trial.batch * manager.output().height() * manager.output().width() *
                                             trial.model->fields.output_channels());
    double loss = 0;
    for (std::size_t i = 0; i < seed.size(); ++i) {
      double const d = out[i] - seed[i];
      loss += d * d / count;
      seed[i] = 2 * d / count;
    }
    world.all_reduce_sum(&loss, 1);
    result.losses.push_back(loss);
    Gradients::Overlap overlap(gradients, parameters);
    // Once the sums follow the backward pass, from then on they go beside it.
    tape.backward(exec, y, Array::from_host(Exec(), dtype, y.value().shape(), seed), step > 0 ? &overlap : nullptr);
    gradients.collect(exec, parameters);
    if (step == 0) {
      auto const mine = gather_spatial(exec, y.value(), manager, manager.output()).to_host(exec);
      result.output.assign(mine.size() * static_cast<std::size_t>(mesh.data.size()), 0);
      std::copy(mine.begin(), mine.end(),
                result.output.begin() + static_cast<std::ptrdiff_t>(mine.size()) * mesh.data.rank());
      mesh.data.all_reduce_sum(result.output.data(), result.output.size());
      for (int i = 0; i < parameters.size(); ++i)
        if (is_optimized(parameters[i].spec))
          result.gradients.push_back(whole_in_file_order(exec, parameters, i, gradients.of(i)));
      // The length of all of them is that of the whole gradient, wherever its parts are.
      double squares = 0;
      for (auto const& g : result.gradients)
        squares += length(g) * length(g);
      EXPECT_NEAR(gradients.norm(exec) / std::sqrt(squares), 1, dtype == DType::float64 ? 1e-12 : 1e-5);
    }
    optimizer.step(exec, parameters, gradients, 1e-3, 1);
  }
  return result;
}

/// Of one rank. Only the first rank computes it.
Result reference(Trial const& trial)
{
  auto const world = Communicator::world();
  Result result;
  if (world.rank() == 0)
    result = train(trial, {}, Communicator(), false);
  auto const share = [&](std::vector<double>& values) {
    auto size = static_cast<std::int64_t>(values.size());
    world.broadcast(&size, sizeof size, 0);
    values.resize(static_cast<std::size_t>(size));
    world.broadcast(values.data(), values.size() * sizeof(double), 0);
  };
  share(result.output);
  share(result.losses);
  auto count = static_cast<std::int64_t>(result.gradients.size());
  world.broadcast(&count, sizeof count, 0);
  result.gradients.resize(static_cast<std::size_t>(count));
  for (auto& g : result.gradients)
    share(g);
  return result;
}

double largest_difference(std::vector<double> const& a, std::vector<double> const& b)
{
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// Of everything together: outputs, gradients, losses.
std::array<double, 3> errors(Result const& got, Result const& exact)
{
  auto const error = [](std::vector<double> const& a, std::vector<double> const& b) {
    EXPECT_EQ(a.size(), b.size());
    auto d = a;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      d[i] -= b[i];
    return length(d) / length(b);
  };
  std::vector<double> gradients, exact_gradients;
  for (auto const& g : got.gradients)
    gradients.insert(gradients.end(), g.begin(), g.end());
  for (auto const& g : exact.gradients)
    exact_gradients.insert(exact_gradients.end(), g.begin(), g.end());
  return {error(got.output, exact.output), error(gradients, exact_gradients), error(got.losses, exact.losses)};
}

/// Mixed precision rounds other numbers on every mesh: each mesh must come as close to float64 as one rank does.
void expect_as_accurate(Result const& many, Result const& one, Result const& exact)
{
  auto const error = errors(many, exact), of_one = errors(one, exact);
  EXPECT_LE(error[0], 1.2 * of_one[0]);
  EXPECT_LE(error[1], 1.2 * of_one[1]);
  EXPECT_LE(error[2], 5e-3);
  EXPECT_GE(error[0], 1e-4) << "were the fields bfloat16 at all?";
  if (Communicator::world().rank() == 0)
    std::printf("    errors of output %.1e (one rank %.1e), gradients %.1e (%.1e), losses %.1e (%.1e)\n", error[0],
                of_one[0], error[1], of_one[1], error[2], of_one[2]);
}

/// `exact`: of mixed precision, one rank's in float64.
void compare(Trial const& trial, Result const& one, ParallelismConfig const& parallelism, bool checkpoint,
             Result const* exact = nullptr)
{
  auto const world = Communicator::world();
  std::string const name = "data " + std::to_string(world.size() / parallelism.group_size()) +
                           (parallelism.data == Data::fsdp2 ? " (fsdp2)" : "") + " x tensor " +
                           std::to_string(parallelism.tensor) + " x domain " + std::to_string(parallelism.domain[0]) +
                           " x " + std::to_string(parallelism.domain[1]);
  SCOPED_TRACE(name);
  Result const many = train(trial, parallelism, world, checkpoint);
  if (exact)
    return expect_as_accurate(many, one, *exact);
  double whole = 0;
  for (auto const& g : one.gradients)
    whole += length(g) * length(g);
  whole = std::sqrt(whole);
  double const scale = length(one.output) / std::sqrt(static_cast<double>(one.output.size()));
  double const output = largest_difference(many.output, one.output) / scale;
  EXPECT_LE(output, 1e-12);
  ASSERT_EQ(many.gradients.size(), one.gradients.size());
  double worst = 0;
  for (std::size_t p = 0; p < one.gradients.size(); ++p) {
    auto d = many.gradients[p];
    for (std::size_t e = 0; e < d.size(); ++e)
      d[e] -= one.gradients[p][e];
    worst = std::max(worst, length(d) / std::max(length(one.gradients[p]), 1e-5 * whole));
  }
  EXPECT_LE(worst, 1e-10);
  double losses = 0;
  ASSERT_EQ(many.losses.size(), one.losses.size());
  for (std::size_t i = 0; i < one.losses.size(); ++i)
    losses = std::max(losses, std::abs(many.losses[i] / one.losses[i] - 1));
  EXPECT_LE(losses, 1e-10);
  if (world.rank() == 0)
    std::printf("    %s: output %.1e, gradients %.1e, losses %.1e\n", name.c_str(), output, worst, losses);
}

struct Shape3 {
  Data data;
  int ranks, tensor, rows, columns;
};

/// The meshes that exactly these ranks form.
std::vector<ParallelismConfig> meshes(bool all)
{
  Shape3 const list[] = {
      {Data::none, 2, 1, 2, 1},  {Data::none, 2, 1, 1, 2},  {Data::none, 3, 1, 3, 1},  {Data::none, 3, 1, 1, 3},
      {Data::none, 4, 1, 4, 1},  {Data::none, 4, 1, 2, 2},  {Data::none, 6, 1, 6, 1},  {Data::none, 6, 1, 3, 2},
      {Data::none, 2, 2, 1, 1},  {Data::none, 4, 4, 1, 1},  {Data::none, 4, 2, 1, 2},  {Data::none, 6, 2, 3, 1},
      {Data::ddp, 2, 1, 1, 1},   {Data::ddp, 3, 1, 1, 1},   {Data::ddp, 4, 2, 1, 1},   {Data::ddp, 8, 2, 2, 1},
      {Data::fsdp2, 2, 1, 1, 1}, {Data::fsdp2, 3, 1, 1, 1}, {Data::fsdp2, 4, 1, 1, 1}, {Data::fsdp2, 6, 1, 3, 1},
      {Data::fsdp2, 4, 2, 1, 1}, {Data::fsdp2, 8, 2, 2, 1}};
  std::vector<ParallelismConfig> found;
  for (auto const& s : list) {
    if (s.ranks != Communicator::world().size() || (!all && s.data == Data::none && s.tensor == 1 && s.columns == 1))
      continue;
    ParallelismConfig c;
    c.data = s.data;
    c.tensor = s.tensor;
    c.domain = {s.rows, s.columns};
    found.push_back(c);
  }
  return found;
}

/// On each mesh of these ranks, with and without activation checkpoints in turn.
void compare_all(std::shared_ptr<Spec const> const& model, int steps, bool every_mesh,
                 Precision precision = DType::float64)
{
  std::map<index_t, Result> references, exact;
  bool const mixed = precision.fields != precision.parameters;
  bool checkpoint = false;
  for (auto const& mesh : meshes(every_mesh)) {
    try {
      make_model(*model)->cut(process_grid(mesh));
    } catch (Error const&) { // fewer coarse cells than tiles
      continue;
    }
    int const data = Communicator::world().size() / mesh.group_size();
    Trial const trial{model, std::max(2, data), steps, precision};
    auto known = references.find(trial.batch);
    if (known == references.end())
      known = references.emplace(trial.batch, reference(trial)).first;
    if (mixed && exact.count(trial.batch) == 0)
      exact.emplace(trial.batch, reference({model, trial.batch, steps, DType::float64}));
    compare(trial, known->second, mesh, checkpoint = !checkpoint, mixed ? &exact.at(trial.batch) : nullptr);
  }
}

class Meshes : public ::testing::TestWithParam<SmallModel> {};

TEST_P(Meshes, AllAreTheFunctionOfOneRank) { compare_all(GetParam().spec, 2, true); }

TEST_P(Meshes, MixedPrecision)
{
  if (Communicator::world().size() <= 4) // more ranks have no other kind of mesh
    compare_all(GetParam().spec, 2, false, Precision::mixed());
}

INSTANTIATE_TEST_SUITE_P(Registry, Meshes, ::testing::ValuesIn(small_models()),
                         [](auto const& one) { return one.param.name; });

TEST(PyramidMeshes, StagesThatTensorGroupsLeaveWhole)
{
  auto const model = std::make_shared<WXFormerConfig>(small_model()); // one head in stage 0, two in stage 1
  int const ranks = Communicator::world().size();
  for (int const tensor : {2, 4}) {
    if (ranks % tensor != 0)
      continue;
    ParallelismConfig mesh;
    mesh.tensor = tensor;
    mesh.domain = {ranks / tensor, 1};
    EXPECT_THROW(
        {
          auto const refused = make_model(*model);
          parallelise(*refused, build_device_mesh(mesh, Communicator::world()), mesh);
        },
        Error);
    mesh.tensor_whole = tensor == 2 ? std::set<int>{0} : std::set<int>{0, 1};
    Trial const trial{model, 2, 1};
    compare(trial, reference(trial), mesh, false);
  }
}

TEST(PyramidMeshes, RandomGeometries)
{
  auto const world = Communicator::world();
  auto const ranks = static_cast<std::uint64_t>(world.size());
  for (std::uint64_t draw = 4 * ranks; draw < 4 * ranks + 4; ++draw) {
    auto model = random_model(draw);
    model.dim_head = 2;
    SCOPED_TRACE(std::to_string(model.fields.height) + " x " + std::to_string(model.fields.width) + " cells, draw " +
                 std::to_string(draw));
    Trial const trial{std::make_shared<WXFormerConfig>(model), 2, 1};
    auto const one = reference(trial);
    for (int tensor = 1; tensor <= 2; ++tensor)
      for (int rows = 1; rows <= 3; ++rows) {
        ParallelismConfig mesh;
        mesh.tensor = tensor;
        mesh.domain = {rows, world.size() / tensor / rows};
        if (mesh.group_size() == world.size() && mesh.domain[1] <= 3)
          compare(trial, one, mesh, rows % 2 == 0);
      }
  }
}

} // namespace
} // namespace rossby
