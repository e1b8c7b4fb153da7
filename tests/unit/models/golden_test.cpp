// Rossby against CREDIT: outputs, stages, losses, every gradient and a few optimizer steps, in float64 and float32.
// The fixtures in tests/reference/golden hold what the repository can carry; ROSSBY_GOLDEN names a folder with the
// whole reference cases. Tests compare whatever a file holds.

#include <rossby/io/hdf5.hpp>
#include <rossby/models/model.hpp>
#include <rossby/optim/adamw.hpp>
#include <rossby/train/loss.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>

namespace rossby {
namespace {

struct Case {
  std::string file;
  DType dtype;
};

std::string folder()
{
  char const* given = std::getenv("ROSSBY_GOLDEN");
  return given ? given : std::string(ROSSBY_SOURCE_DIR) + "/tests/reference/golden";
}

double length(std::vector<double> const& a)
{
  double sum = 0;
  for (double const x : a)
    sum += x * x;
  return std::sqrt(sum);
}

double difference(std::vector<double> a, std::vector<double> const& b)
{
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] -= b[i];
  return length(a);
}

/// (B, C, T, H, W) to (B, H, W, C * T) with channel c * T + t, and back.
std::vector<double> channels_last(std::vector<double> const& x, Shape const& s)
{
  index_t const channels = s[1] * s[2], cells = s[3] * s[4];
  std::vector<double> y(x.size());
  for (index_t b = 0; b < s[0]; ++b)
    for (index_t c = 0; c < channels; ++c)
      for (index_t i = 0; i < cells; ++i)
        y[static_cast<std::size_t>((b * cells + i) * channels + c)] =
            x[static_cast<std::size_t>((b * channels + c) * cells + i)];
  return y;
}
std::vector<double> channels_first(std::vector<double> const& x, index_t batch, index_t channels)
{
  index_t const cells = static_cast<index_t>(x.size()) / batch / channels;
  std::vector<double> y(x.size());
  for (index_t b = 0; b < batch; ++b)
    for (index_t c = 0; c < channels; ++c)
      for (index_t i = 0; i < cells; ++i)
        y[static_cast<std::size_t>((b * channels + c) * cells + i)] =
            x[static_cast<std::size_t>((b * cells + i) * channels + c)];
  return y;
}

class Golden : public ::testing::TestWithParam<Case> {
protected:
  Golden() : file_(io::Hdf5File::open_read(folder() + "/" + GetParam().file + ".h5"))
  {
    Problems problems;
    auto const deck = Deck::parse(file_.read_string_attribute("/", "model_yaml"));
    model_ = make_model(ModelConfig::read(deck["model"], problems));
    problems.raise();
    auto const shape = file_.shape("input");
    batch_ = shape[0];
    input_ = to_array("input");
    target_ = to_array("target");
    reset();
  }

  bool double_precision() const { return GetParam().dtype == DType::float64; }

  Array to_array(std::string const& name)
  {
    auto const s = file_.shape(name);
    return Array::from_host(GetParam().dtype, {s[0], s[3], s[4], s[1] * s[2]}, channels_last(file_.read(name), s));
  }

  void reset()
  {
    model_->allocate(exec_, GetParam().dtype, 1);
    for (auto& p : model_->parameters().all()) {
      ASSERT_EQ(file_.shape("model/" + p.spec.name), p.spec.shape) << p.spec.name;
      from_file_order(exec_, p.spec, file_.read("model/" + p.spec.name), p.value());
    }
    EXPECT_EQ(static_cast<std::size_t>(model_->parameters().size()), file_.list("model").size());
  }

  Var forward(Tape* tape)
  {
    Context ctx{exec_, tape, tape != nullptr};
    return model_->forward(ctx, Var(input_));
  }

  /// Forward and backward in training mode; returns the loss and leaves the gradients in the parameters.
  double step_loss()
  {
    LossConfig config;
    config.use_latitude_weights = file_.read_int_attribute("/", "latitude_weights") != 0;
    auto const& tiling = model_->output_tiling();
    LossDomain const domain{unnamed_variables(model_->config().output_channels()),
                            {},
                            file_.read("latitude"),
                            tiling.width(),
                            tiling.box(0)};
    Loss const loss(config, Loss::Use::training, domain);
    Tape tape;
    Context ctx{exec_, &tape, true};
    output_ = model_->forward(ctx, Var(input_));
    Var const sums = loss.sums(ctx, output_, target_, batch_);
    auto const value = loss.value(sums.value().to_host(), batch_).total;
    tape.backward(exec_, sums, loss.seed(batch_));
    return value;
  }

  Exec exec_;
  io::Hdf5File file_;
  std::unique_ptr<Model> model_;
  index_t batch_ = 0;
  Array input_, target_;
  Var output_;
};

TEST_P(Golden, EvaluationOutputAndStages)
{
  std::map<std::string, std::vector<double>> stages;
  model_->observe([&](std::string const& name, Var const& x, Tiling const&) {
    stages[name] = channels_first(x.value().to_host(), batch_, x.value().shape().back());
  });
  auto const y = channels_first(forward(nullptr).value().to_host(), batch_, model_->config().output_channels());
  auto const expected = file_.read("eval/output");
  EXPECT_LE(difference(y, expected) / length(expected), double_precision() ? 1e-10 : 2e-5);
  for (auto const& [name, value] : stages)
    if (file_.exists("eval/" + name)) {
      auto const reference = file_.read("eval/" + name);
      EXPECT_LE(difference(value, reference) / length(reference), double_precision() ? 2e-7 : 2e-5) << name;
    }
}

TEST_P(Golden, TrainingLossAndEveryGradient)
{
  double const loss = step_loss();
  auto const expected = file_.read("train/output");
  auto const y = channels_first(output_.value().to_host(), batch_, model_->config().output_channels());
  EXPECT_LE(difference(y, expected) / length(expected), double_precision() ? 1e-10 : 2e-5);
  double const reference = file_.read("train/loss")[0];
  EXPECT_LE(std::abs(loss - reference) / reference, double_precision() ? 1e-12 : 2e-5);

  double const whole = file_.exists("steps/grad_norm") ? file_.read("steps/grad_norm")[0] : 0;
  double const floor = (double_precision() ? 1e-5 : 1e-4) * whole, tolerance = double_precision() ? 3e-7 : 1e-3;
  int compared = 0;
  for (auto const& p : model_->parameters().all()) {
    if (!p.spec.trainable || !p.spec.used)
      continue;
    ASSERT_TRUE(p.var.grad()) << p.spec.name;
    if (!file_.exists("grad/" + p.spec.name))
      continue;
    auto const g = file_.read("grad/" + p.spec.name);
    EXPECT_LE(difference(to_file_order(exec_, p.spec, p.var.grad()), g) / std::max(length(g), floor), tolerance)
        << p.spec.name;
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

TEST_P(Golden, OptimizerSteps)
{
  if (!double_precision())
    return; // the trajectory is compared in float64
  std::smatch m;
  std::string const text = file_.read_string_attribute("/", "optimizer");
  ASSERT_TRUE(std::regex_search(
      text, m, std::regex(R"(lr=(\S+) betas=\((\S+),(\S+)\) eps=(\S+) weight_decay=(\S+) clip_grad_norm=(\S+))")));
  AdamW optimizer(model_->parameters(), {std::stod(m[2]), std::stod(m[3]), std::stod(m[4]), std::stod(m[5])});
  ClipConfig clip;
  if (std::stod(m[6]) > 0)
    clip.max_norm = std::stod(m[6]);
  auto const losses = file_.read("steps/loss"), norms = file_.read("steps/grad_norm");
  Gradients gradients(model_->parameters());
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_LE(std::abs(step_loss() - losses[i]) / losses[i], 1e-8) << "step " << i;
    gradients.collect(exec_, model_->parameters());
    double const norm = gradients.norm(exec_);
    EXPECT_LE(std::abs(norm - norms[i]) / norms[i], 1e-8) << "step " << i;
    optimizer.step(exec_, model_->parameters(), gradients, std::stod(m[1]), clip.coefficient(norm));
  }
  for (auto const& p : model_->parameters().all())
    if (file_.exists("after/" + p.spec.name)) {
      auto const after = file_.read("after/" + p.spec.name);
      EXPECT_LE(difference(to_file_order(exec_, p.spec, p.value()), after), 1e-6 * std::max(length(after), 1e-3))
          << p.spec.name;
    }
}

std::vector<Case> cases()
{
  std::vector<Case> list;
  for (char const* file : {"wxformer_earth", "wxformer_plain", "wxformer_odd", "crossformer_mirror",
                           "crossformer_vconv", "wxformer_heads"})
    for (DType const dtype : {DType::float64, DType::float32})
      if (std::ifstream(folder() + "/" + file + ".h5").good())
        list.push_back({file, dtype});
  return list;
}

INSTANTIATE_TEST_SUITE_P(Credit, Golden, ::testing::ValuesIn(cases()),
                         [](auto const& one) { return one.param.file + "_" + name_of(one.param.dtype); });

} // namespace
} // namespace rossby
