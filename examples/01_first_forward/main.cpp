/// \file
/// The smallest program with a weather model in it: build a WXFormer, draw its weights, run it once on one rank.

#include <rossby/communicator.hpp>
#include <rossby/families.hpp>
#include <rossby/model.hpp>
#include <rossby/runtime.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>

namespace {

rossby::WXFormerConfig small_model()
{
  rossby::WXFormerConfig config;
  config.fields.height = 32;
  config.fields.width = 64;
  config.fields.frames = 1;
  config.fields.channels = 2; // variables on levels
  config.fields.levels = 3;
  config.fields.surface_channels = 2;
  config.fields.input_only_channels = 1;
  config.dim = {8, 16, 32, 64};
  config.depth = {1, 1, 1, 1};
  config.dim_head = 8;
  config.local_window = {2, 2, 2, 2};
  config.global_window = {2, 2, 2, 1};
  config.strides = {2, 2, 2, 2};
  config.spectral_norm = false; // its vectors mean something only after a training step
  return config;
}

/// One number per cell and channel: waves that differ by channel.
std::vector<double> waves(rossby::WXFormerConfig const& config)
{
  std::vector<double> values;
  double const pi = std::acos(-1.0);
  for (int row = 0; row < config.fields.height; ++row)
    for (int column = 0; column < config.fields.width; ++column)
      for (int channel = 0; channel < config.fields.input_channels(); ++channel)
        values.push_back(std::sin(2 * pi * (channel + 1) * column / config.fields.width) *
                         std::cos(pi * (row + 0.5) / config.fields.height));
  return values;
}

void run()
{
  rossby::WXFormerConfig const config = small_model();
  auto const model = rossby::make_model(config);

  rossby::Context context; // no tape: nothing is recorded
  model->allocate(context.exec, rossby::DType::float32, 42);

  rossby::Shape const shape{1, config.fields.height, config.fields.width, config.fields.input_channels()};
  rossby::Var const state(rossby::Array::from_host(rossby::Exec(), rossby::DType::float32, shape, waves(config)));
  rossby::Var const next = model->forward(context, state);

  std::vector<double> const values = next.value().to_host(rossby::Exec());
  auto const [low, high] = std::minmax_element(values.begin(), values.end());
  std::printf("%td parameters; %s -> %s, values from %.4f to %.4f\n", model->parameters().count_trainable(),
              rossby::to_string(shape).c_str(), rossby::to_string(next.value().shape()).c_str(), *low, *high);
}

} // namespace

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv); // first in, last out: message passing, then devices and memory
  rossby::Environment const environment(argc, argv);
  try {
    run();
    return 0;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
