#include "support/small_run.hpp"

#include "core/upload.hpp"
#include "train/postblocks.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {
using namespace rossby;
using namespace rossby::testing;

/// Two samples on the 5 x 6 grid: 5 base channels (0-2 prognostic, 3 static, 4 forcing), 2 frames, 3 output channels.
struct Step {
  static constexpr index_t samples = 2, cells = 30;
  SmallWorld world;
  std::vector<float> input, output, forcing;

  Step()
  {
    auto const fill = [](std::vector<float>& v, index_t n, double factor) {
      for (index_t i = 0; i < samples * cells * n; ++i)
        v.push_back(static_cast<float>(std::sin(factor * static_cast<double>(i))));
    };
    fill(input, 10, 0.3);
    fill(output, 3, 0.7);
    fill(forcing, 1, 1.1);
  }
  BatchStep batch() const
  {
    BatchStep b;
    b.indices.samples = {4, 9};
    b.input = input;
    b.forcing = forcing;
    return b;
  }
  Rollout rollout(LinearModel& model) const { return Rollout(world.plan, model, Communicator()); }
};

TEST(Rollout, FramesMoveDownAndTheNewestIsMadeOfStateForcingAndStaticFields)
{
  Step step;
  TransformStep scale;
  scale.scale = 3;
  scale.offset = -1;
  step.world.plan.transforms.feedback[1] = {scale}; // level 2 of u is normalised in another way as input
  LinearModel model(step.world.config.model->fields);
  model.allocate(Exec(), DType::float64, 1);
  auto const rollout = step.rollout(model);
  Exec const exec;
  for (DType const dtype : {DType::float32, DType::float64}) {
    Array const first = rollout.first_input(exec, dtype, step.batch());
    EXPECT_EQ(first.shape(), (Shape{2, 5, 6, 10}));
    EXPECT_EQ(first.to_host(Exec()), std::vector<double>(step.input.begin(), step.input.end()));
    auto const next =
        rollout.next_input(exec, first, upload(exec, dtype, {2, 5, 6, 3}, step.output), step.batch()).to_host(Exec());
    for (std::size_t i = 0; i < 60; ++i)
      for (std::size_t c = 0; c < 5; ++c) {
        double const newest = c == 1   ? 3 * static_cast<double>(step.output[i * 3 + 1]) - 1
                              : c < 3  ? static_cast<double>(step.output[i * 3 + c])
                              : c == 3 ? static_cast<double>(step.input[i * 10 + 7])
                                       : static_cast<double>(step.forcing[i]);
        EXPECT_EQ(next[i * 10 + 2 * c], static_cast<double>(step.input[i * 10 + 2 * c + 1])) << "the older frame";
        EXPECT_NEAR(next[i * 10 + 2 * c + 1], newest, 3e-7) << c;
      }
  }
}

TEST(Rollout, ValuesStayWithinTheDecksBounds)
{
  Step step;
  step.world.plan.config.clamp = {{-0.5, 0.5}};
  LinearModel model(step.world.config.model->fields);
  model.allocate(Exec(), DType::float64, 1);
  auto const rollout = step.rollout(model);
  Context context;
  for (double const v : rollout.first_input(Exec(), DType::float64, step.batch()).to_host(Exec()))
    EXPECT_LE(std::fabs(v), 0.5);
  Var const output(upload(Exec(), DType::float64, {2, 5, 6, 3}, step.output));
  auto const clamped = rollout.clamp_output(context, output).value().to_host(Exec());
  for (std::size_t i = 0; i < clamped.size(); ++i)
    EXPECT_EQ(clamped[i], std::min(0.5, std::max(-0.5, static_cast<double>(step.output[i]))));
}

/// Land is zero in the model's own output, whatever follows, and gets no gradient.
TEST(Rollout, AMaskActsOnTheModelsOutput)
{
  Step step;
  step.world.plan.config.clamp = {{-0.5, 0.5}};
  auto& masks = step.world.plan.transforms.own_output;
  masks.resize(3);
  for (std::size_t c = 0; c < 2; ++c) { // the third channel has none
    TransformStep mask;
    for (index_t cell = 0; cell < Step::cells; ++cell)
      mask.cell_scale.push_back((cell + static_cast<index_t>(c)) % 3 == 0 ? 0 : 1);
    mask.cell_offset.assign(Step::cells, 0);
    masks[c] = {mask};
  }
  LinearModel model(step.world.config.model->fields);
  model.allocate(Exec(), DType::float64, 1);
  auto const rollout = step.rollout(model);
  Tape tape;
  Context context;
  context.tape = &tape;
  Var const output(upload(Exec(), DType::float64, {2, 5, 6, 3}, step.output), true);
  Var const masked = rollout.clamp_output(context, output);
  std::vector<double> seed;
  for (std::size_t i = 0; i < step.output.size(); ++i)
    seed.push_back(std::cos(0.2 * static_cast<double>(i)));
  tape.backward(Exec(), masked, Array::from_host(Exec(), DType::float64, {2, 5, 6, 3}, seed));
  auto const y = masked.value().to_host(Exec()), gradient = output.grad().to_host(Exec());
  for (std::size_t i = 0; i < y.size(); ++i) {
    double const x = static_cast<double>(step.output[i]);
    std::size_t const c = i % 3;
    bool const land = c < 2 && (i / 3 % Step::cells + c) % 3 == 0;
    EXPECT_EQ(y[i], land ? 0 : std::min(0.5, std::max(-0.5, x)));
    EXPECT_EQ(gradient[i], land || std::fabs(x) > 0.5 ? 0 : seed[i]);
  }
}

TEST(Rollout, OutputsComeInPhysicalUnits)
{
  Step step;
  LinearModel model(step.world.config.model->fields);
  model.allocate(Exec(), DType::float64, 1);
  Context context;
  Var const output(upload(Exec(), DType::float64, {2, 5, 6, 3}, step.output));
  auto const physical = step.rollout(model).postblocks().apply(context, output, {}).value().to_host(Exec());
  for (std::size_t i = 0; i < physical.size(); ++i)
    EXPECT_NEAR(physical[i], 2 * static_cast<double>(step.output[i]) + 0.5, 1e-14);
}
} // namespace
