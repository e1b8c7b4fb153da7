// ranks: 2 4
// What parallel engines of this model have got wrong, one test each (the table is in docs/parallel.md): a model whose
// ranks share tiles or layers, held stage by stage and parameter by parameter against the same model on one rank.

#include <rossby/parallel.hpp>
#include <support/small_model.hpp>
#include <support/whole_parameter.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

namespace rossby {
namespace {
using namespace test;

using Values = std::vector<double>;

double length(Values const& a)
{
  double sum = 0;
  for (double const x : a)
    sum += x * x;
  return std::sqrt(sum);
}

double difference(Values a, Values const& b)
{
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    a[i] -= b[i];
  return length(a);
}

bool ends_with(std::string const& text, std::string const& end)
{
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// One training pass.
struct Pass {
  std::map<std::string, Values> stages, gradients, vectors;
};

struct Experiment {
  WXFormerConfig model = [] {
    auto m = small_model();
    m.dim_head = 2; // four heads or more in every stage
    return m;
  }();
  bool checkpoint = false;
  std::function<double(index_t row, index_t col)> bump = [](index_t, index_t) { return 0.0; };
};

/// Forward and backward through the sum of squares of the output; every rank gets whole fields.
Pass run(Experiment const& setup, Communicator const& ranks, ParallelismConfig const& parallelism)
{
  Exec const exec;
  Mesh const mesh = build_device_mesh(parallelism, ranks);
  auto const model = make_model(setup.model);
  parallelise(*model, mesh, parallelism);
  model->set_activation_checkpoint(setup.checkpoint);
  model->allocate(exec, DType::float64, 3);
  auto const manager = get_domain_manager(*model);
  Pass pass;
  model->observe([&](std::string const& name, Var const& x, Tiling const& tiling) {
    pass.stages[name] = gather_spatial(exec, x.value(), manager, tiling).to_host(exec);
  });
  Box const tile = manager.input().box(mesh.spatial.rank());
  index_t const channels = setup.model.fields.input_channels();
  auto input = tile_of_field(DType::float64, manager.input(), mesh.spatial.rank(), 1, channels, 1).to_host(Exec());
  for (std::size_t i = 0; i < input.size(); ++i) {
    index_t const cell = static_cast<index_t>(i) / channels;
    input[i] += setup.bump(tile.row0 + cell / tile.cols(), tile.col0 + cell % tile.cols());
  }
  Tape tape;
  Context ctx{exec, &tape, true};
  Var const y = model->forward(
      ctx, Var(Array::from_host(Exec(), DType::float64, {1, tile.rows(), tile.cols(), channels}, input)));
  pass.stages["output"] = gather_spatial(exec, y.value(), manager, manager.output()).to_host(exec);
  tape.backward(exec, y, y.value().clone(exec));
  sync_domain_gradients(exec, *model);
  auto& parameters = model->parameters();
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& p = parameters[i];
    if (is_optimized(p.spec))
      pass.gradients[p.spec.name] = whole_in_file_order(exec, parameters, i, p.var.grad_to_add_to(exec));
    else if (p.spec.used)
      pass.vectors[p.spec.name] = whole_in_file_order(exec, parameters, i, p.value());
  }
  return pass;
}

/// All ranks as a tensor group, and as bands of latitude.
ParallelismConfig tensor()
{
  ParallelismConfig c;
  c.tensor = Communicator::world().size();
  return c;
}
ParallelismConfig bands()
{
  ParallelismConfig c;
  c.domain = {Communicator::world().size(), 1};
  return c;
}

class KnownBugs : public ::testing::Test {
protected:
  /// Gradients of the parameters whose name ends so, on a mesh and on one rank.
  static void expect_gradients(Pass const& many, Pass const& one, std::vector<std::string> const& endings)
  {
    double whole = 0;
    for (auto const& [name, g] : one.gradients)
      whole += length(g) * length(g);
    int compared = 0;
    for (auto const& [name, g] : one.gradients)
      for (auto const& ending : endings)
        if (ends_with(name, ending)) {
          // A gradient that cancels to round-off is measured against all gradients together.
          double const scale = std::max(length(g), 1e-5 * std::sqrt(whole));
          EXPECT_LE(difference(many.gradients.at(name), g) / scale, 1e-10) << name;
          ++compared;
        }
    EXPECT_GE(compared, 8);
  }
  static void expect_stages(Pass const& many, Pass const& one, std::vector<std::string> const& names)
  {
    for (auto const& name : names)
      EXPECT_LE(difference(many.stages.at(name), one.stages.at(name)) / length(one.stages.at(name)), 1e-12) << name;
  }
  Communicator world_ = Communicator::world();
};

// CREDIT adds it on every rank and trains it at as many times the learning rate.
TEST_F(KnownBugs, RowParallelBiasCountsOnce)
{
  auto const many = run({}, world_, tensor()), one = run({}, Communicator(), {});
  expect_stages(many, one, {"encoder0", "encoder3"});
  expect_gradients(many, one, {"to_out.bias", "layers.4.bias"});
}

// Every rank has the part of it that comes through its heads: a sum, not a mean.
TEST_F(KnownBugs, PositionBiasGradientIsTheSumOverHeads)
{
  auto const many = run({}, world_, tensor()), one = run({}, Communicator(), {});
  expect_gradients(
      many, one,
      {"dpb.layers.0.weight_orig", "dpb.layers.3.weight_orig", "dpb.layers.6.weight_orig", "dpb.layers.9.weight_orig"});
}

// Zeros belong at the edges of the grid, and of the grid alone.
TEST_F(KnownBugs, TileEdgesInsideTheGridSeeTheirNeighbours)
{
  auto const many = run({}, world_, bands()), one = run({}, Communicator(), {});
  expect_stages(many, one,
                {"embed0", "embed1", "embed2", "embed3", "up_block1", "up_block2", "up_block3", "up_block4"});
}

// With more than two bands some own no pole, and rows of padding shift the cuts of the image.
TEST_F(KnownBugs, PolePaddingFollowsUnevenBands)
{
  Experiment setup;
  setup.model.padding.top = 10;
  setup.model.padding.bottom = 42;
  auto const many = run(setup, world_, bands()), one = run(setup, Communicator(), {});
  expect_stages(many, one, {"embed0", "up_block4", "output"});
}

// Windows of the long attention join cells that no local window could.
TEST_F(KnownBugs, LongAttentionCrossesTiles)
{
  Experiment bumped;
  bumped.bump = [](index_t row, index_t col) { return row == 3 && col == 40 ? 1.0 : 0.0; };
  auto const before = run({}, world_, bands()), after = run(bumped, world_, bands()),
             one = run(bumped, Communicator(), {});
  expect_stages(after, one, {"encoder0", "encoder1", "encoder2"});
  auto const &a = before.stages.at("encoder0"), &b = after.stages.at("encoder0");
  double far = 0; // in the last quarter of the rows
  for (std::size_t i = a.size() * 3 / 4; i < a.size(); ++i)
    far = std::max(far, std::abs(a[i] - b[i]));
  EXPECT_GT(far, 1e-9);
}

// The derivative of the global mean and variance reaches every tile.
TEST_F(KnownBugs, GroupNormGradientCrossesTiles)
{
  auto const many = run({}, world_, bands()), one = run({}, Communicator(), {});
  expect_gradients(many, one,
                   {"up_block1.conv.weight_orig", "up_block1.b.0.weight_orig", "up_block1.b.1.weight",
                    "up_block2.conv.weight_orig", "up_block2.b.0.weight_orig", "up_block2.b.1.weight",
                    "layers.3.1.layers.0.3.layers.4.weight_orig", "layers.3.0.convs.0.1.weight_orig"});
}

// A forward pass takes one power step, however often parts of it are computed.
TEST_F(KnownBugs, SpectralNormAdvancesOnceUnderActivationCheckpoints)
{
  Experiment checkpointed;
  checkpointed.checkpoint = true;
  for (auto const& mesh : {tensor(), bands()}) {
    auto const plain = run({}, world_, mesh), again = run(checkpointed, world_, mesh);
    EXPECT_EQ(again.vectors, plain.vectors); // bit for bit
    EXPECT_EQ(again.gradients, plain.gradients);
  }
}

} // namespace
} // namespace rossby
