// Whole models with fields in bfloat16 against themselves in float64.

#include <rossby/models/model.hpp>
#include <support/arrays.hpp>
#include <support/small_model.hpp>
#include <support/small_models.hpp>

#include <map>

namespace rossby {
namespace {
using namespace test;

struct Pass {
  Values output, gradient, sigma_vectors;
};

Pass pass(Spec const& config, Precision const& precision, bool checkpoint = false)
{
  Exec const exec;
  auto const model = make_model(config);
  model->set_activation_checkpoint(checkpoint);
  model->allocate(exec, precision, 3);
  DType const dtype = precision.parameters;
  Tape tape;
  Context ctx{exec, &tape, true};
  Var const y =
      model->forward(ctx, Var(tile_of_field(dtype, model->input_tiling(), 0, 1, config.fields.input_channels(), 1)));
  EXPECT_EQ(y.value().dtype(), dtype);
  Pass result{y.value().to_host(Exec()), {}, {}};
  tape.backward(exec, y, tile_of_field(dtype, model->output_tiling(), 0, 1, config.fields.output_channels(), 2));
  for (auto const& p : model->parameters().all()) {
    EXPECT_EQ(p.value().dtype(), dtype) << p.spec.name;
    auto& list = p.spec.trainable ? result.gradient : result.sigma_vectors;
    if (is_optimized(p.spec)) {
      EXPECT_EQ(p.var.grad().dtype(), dtype) << p.spec.name;
      for (double const v : p.var.grad().to_host(Exec()))
        list.push_back(v);
    } else if (!p.spec.trainable) {
      for (double const v : p.value().to_host(Exec()))
        list.push_back(v);
    }
  }
  return result;
}

double error(Values const& got, Values const& wanted)
{
  double difference = 0, length = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    difference += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    length += wanted[i] * wanted[i];
  }
  return std::sqrt(difference / length);
}

TEST(MixedPrecisionModel, IsTheModelToTheRoundOffOfItsFields)
{
  for (auto const& [name, spec] : small_models()) {
    SCOPED_TRACE(name);
    Spec const& config = *spec;
    auto const exact = pass(config, DType::float64), mixed = pass(config, Precision::mixed());
    double const output = error(mixed.output, exact.output), gradient = error(mixed.gradient, exact.gradient);
    std::printf("    output %.1e, gradient %.1e\n", output, gradient);
    EXPECT_LE(output, 2e-2);
    EXPECT_GE(output, 1e-4) << "were the fields bfloat16 at all?";
    EXPECT_LE(gradient, 6e-2);
    // Spectral norm sees none of it.
    if (!exact.sigma_vectors.empty()) {
      EXPECT_LE(error(mixed.sigma_vectors, exact.sigma_vectors), 1e-5);
    }
  }
}

TEST(MixedPrecisionModel, LastLayerIsRoundedWhenTheDeckSaysSo)
{
  auto const config = small_model();
  for (DType const output : {DType::float32, DType::bfloat16}) {
    auto precision = Precision::mixed();
    precision.output = output;
    auto const model = make_model(config);
    std::map<std::string, DType> seen;
    model->observe(
        [&](std::string const& name, Var const& value, Tiling const&) { seen[name] = value.value().dtype(); });
    model->allocate(Exec(), precision, 3);
    Context ctx{Exec()};
    Var const x(tile_of_field(DType::float32, model->input_tiling(), 0, 1, config.fields.input_channels(), 1));
    EXPECT_EQ(model->forward(ctx, x).value().dtype(), DType::float32);
    EXPECT_EQ(seen.at("up_block4"), output);
    for (char const* name : {"embed0", "encoder0", "encoder3", "up_block1", "up_block3"})
      EXPECT_EQ(seen.at(name), DType::bfloat16) << name;
  }
}

TEST(MixedPrecisionModel, ActivationCheckpointsChangeNoBit)
{
  for (auto const& [name, spec] : small_models()) {
    SCOPED_TRACE(name);
    auto const plain = pass(*spec, Precision::mixed()), checkpointed = pass(*spec, Precision::mixed(), true);
    EXPECT_EQ(plain.output, checkpointed.output);
    EXPECT_EQ(plain.gradient, checkpointed.gradient);
    EXPECT_EQ(plain.sigma_vectors, checkpointed.sigma_vectors);
  }
}

} // namespace
} // namespace rossby
