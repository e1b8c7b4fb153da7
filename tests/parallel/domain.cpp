// ranks: 2 3 4 6
// A model cut into tiles is the same function as the whole model: outputs, loss and every parameter gradient.

#include <rossby/models/model.hpp>
#include <support/small_model.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace rossby {
namespace {
using namespace test;

struct Result {
  Tiling tiling;
  std::vector<double> output;
  std::vector<std::vector<double>> gradients;
};

/// Forward in training mode and the gradients of <output, weights>, summed over the group.
Result run(ModelConfig const& config, Communicator const& group, int rows, int columns, bool checkpoint)
{
  Exec const exec;
  index_t const batch = 2;
  auto const model = make_model(config, group, rows, columns);
  model->set_activation_checkpoint(checkpoint);
  model->parameters().allocate(exec, DType::float64, 3);
  Tape tape;
  Context ctx{exec, &tape, true};
  Var const y = model->forward(
      ctx, Var(tile_of_field(DType::float64, model->input_tiling(), group.rank(), batch, config.input_channels(), 1)));
  Result result{model->output_tiling(), y.value().to_host(exec), {}};
  tape.backward(
      exec, y, tile_of_field(DType::float64, model->output_tiling(), group.rank(), batch, config.output_channels(), 2));
  for (auto const& p : model->parameters().all())
    if (p.spec.trainable && p.spec.used) {
      Array const g = p.var.grad() ? p.var.grad() : Array::zeros(exec, DType::float64, p.value().shape());
      group.all_reduce_sum(exec, g);
      result.gradients.push_back(g.to_host(exec));
    }
  return result;
}

double length(std::vector<double> const& a)
{
  double sum = 0;
  for (double const x : a)
    sum += x * x;
  return std::sqrt(sum);
}

/// On every process grid with at most `most` tiles along an axis.
void compare(ModelConfig const& config, int most = 6)
{
  auto const world = Communicator::world();
  Result const one = run(config, Communicator(), 1, 1, false);
  double whole = 0;
  for (auto const& g : one.gradients)
    whole += length(g) * length(g);
  whole = std::sqrt(whole);
  double const scale = length(one.output) / std::sqrt(static_cast<double>(one.output.size()));
  for (int rows = 1; rows <= world.size(); ++rows) {
    if (world.size() % rows != 0 || world.size() / rows > most || rows > most)
      continue;
    SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(world.size() / rows));
    Result const many = run(config, world, rows, world.size() / rows, rows % 2 == 0);

    Box const b = many.tiling.box(world.rank());
    index_t const channels = config.output_channels(), width = one.tiling.width(), height = one.tiling.height();
    double largest = 0;
    std::size_t i = 0;
    for (index_t s = 0; s < 2; ++s)
      for (index_t r = b.row0; r < b.row1; ++r)
        for (index_t c = b.col0; c < b.col1; ++c)
          for (index_t k = 0; k < channels; ++k)
            largest = std::max(
                largest, std::abs(many.output[i++] -
                                  one.output[static_cast<std::size_t>(((s * height + r) * width + c) * channels + k)]));
    EXPECT_LE(largest, 1e-12 * scale * 10);
    ASSERT_EQ(many.gradients.size(), one.gradients.size());
    double worst = 0;
    for (std::size_t p = 0; p < one.gradients.size(); ++p) {
      auto d = many.gradients[p];
      for (std::size_t e = 0; e < d.size(); ++e)
        d[e] -= one.gradients[p][e];
      worst = std::max(worst, length(d) / std::max(length(one.gradients[p]), 1e-5 * whole));
    }
    EXPECT_LE(worst, 1e-10);
    world.all_reduce_max(&largest, 1);
    if (world.rank() == 0)
      std::printf("    %d x %d tiles: output %.1e, gradients %.1e\n", rows, world.size() / rows, largest / scale,
                  worst);
  }
}

TEST(Domain, WXFormerOnAnOddGrid) { compare(small_model(ModelConfig::Type::wxformer)); }

TEST(Domain, CrossFormerWithMirrorPadding)
{
  auto c = small_model(ModelConfig::Type::crossformer);
  c.padding.mode = PaddingConfig::Mode::mirror;
  compare(c);
}

TEST(Domain, CrossFormerWithBilinearDecoderAndNoSpectralNorm)
{
  auto c = small_model(ModelConfig::Type::crossformer);
  c.upsample_v_conv = true;
  c.spectral_norm = false;
  compare(c);
}

TEST(Domain, RandomGeometries)
{
  auto const ranks = static_cast<std::uint64_t>(Communicator::world().size());
  for (std::uint64_t draw = 4 * ranks; draw < 4 * ranks + 4; ++draw) {
    auto const c = random_model(draw);
    SCOPED_TRACE(std::to_string(c.image_height) + " x " + std::to_string(c.image_width) + " cells, draw " +
                 std::to_string(draw));
    compare(c, 3);
  }
}

} // namespace
} // namespace rossby
