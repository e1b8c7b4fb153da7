#pragma once
/// \file
/// Reference cases of CREDIT: models with weights, inputs, outputs, losses, gradients and a few optimizer steps, run on
/// any mesh. The fixtures in tests/reference/golden hold what the repository can carry; ROSSBY_GOLDEN names a folder
/// with the whole cases.

#include "io/hdf5.hpp"
#include "optim/adamw.hpp"
#include "train/loss.hpp"
#include <rossby/parallel.hpp>
#include <support/whole_parameter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>

namespace rossby::test {

inline std::string golden_file(std::string const& name)
{
  char const* folder = std::getenv("ROSSBY_GOLDEN");
  return (folder ? folder : std::string(ROSSBY_SOURCE_DIR) + "/tests/reference/golden") + "/" + name + ".h5";
}

/// Names of those of models that the registry knows.
inline std::vector<std::string> golden_cases()
{
  std::vector<std::string> list;
  for (auto const& file : std::filesystem::directory_iterator(std::filesystem::path(golden_file("")).parent_path())) {
    if (file.path().extension() != ".h5")
      continue;
    auto const deck =
        Deck::parse(io::Hdf5File::open_read(file.path().string()).read_string_attribute("/", "model_yaml"));
    Problems problems; // a folder of whole cases may hold models that are not there yet
    if (read_spec(deck["model"], problems))
      list.push_back(file.path().stem().string());
  }
  std::sort(list.begin(), list.end());
  return list;
}

inline double length(std::vector<double> const& a)
{
  double sum = 0;
  for (double const x : a)
    sum += x * x;
  return std::sqrt(sum);
}

inline double difference(std::vector<double> a, std::vector<double> const& b)
{
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    a[i] -= b[i];
  return length(a);
}

/// (B, C, T, H, W) to (B, H, W, C * T) with channel c * T + t, and back.
inline std::vector<double> channels_last(std::vector<double> const& x, Shape const& s)
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
inline std::vector<double> channels_first(std::vector<double> const& x, index_t batch, index_t channels)
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

/// A reference case on a mesh. Every call is collective; every rank gets whole fields, in the file's order.
class GoldenCase {
public:
  GoldenCase(std::string const& name, DType dtype, Communicator const& ranks, ParallelismConfig parallelism)
      : dtype_(dtype), file_(io::Hdf5File::open_read(golden_file(name)))
  {
    Problems problems;
    auto const deck = Deck::parse(file_.read_string_attribute("/", "model_yaml"));
    auto const spec = read_spec(deck["model"], problems);
    problems.raise();
    model_ = make_model(*spec);
    for (auto const& block : model_->tensor_blocks())
      if (block.indivisible % parallelism.tensor != 0)
        parallelism.tensor_whole.insert(block.stage);
    mesh_ = std::make_unique<Mesh>(build_device_mesh(parallelism, ranks));
    parallelise(*model_, *mesh_, parallelism);
    model_->allocate(exec_, dtype, 1);
    auto& parameters = model_->parameters();
    EXPECT_EQ(static_cast<std::size_t>(parameters.size()), file_.list("model").size());
    for (auto& p : parameters.all()) {
      EXPECT_EQ(file_.shape("model/" + p.spec.name), p.spec.shape) << p.spec.name;
      from_file_order(exec_, p.spec, p.part, file_.read("model/" + p.spec.name), p.value());
    }
    batch_ = file_.shape("input")[0];
    EXPECT_EQ(batch_ % mesh_->data.size(), 0);
    share_ = batch_ / mesh_->data.size();
    input_ = tile_of("input", model_->input_tiling());
    target_ = tile_of("target", model_->output_tiling());
    optimizer_ = std::make_unique<AdamW>(parameters, adamw());
    gradients_ = std::make_unique<Gradients>(parameters);
  }

  io::Hdf5File const& file() const { return file_; }
  Model& model() { return *model_; }
  Parameters const& parameters() const { return model_->parameters(); }

  std::vector<double> evaluate()
  {
    Context ctx{exec_, nullptr, false};
    return whole(model_->forward(ctx, Var(input_)), model_->output_tiling());
  }

  /// Forward and backward in training mode; returns the loss.
  double step_loss()
  {
    LossConfig config;
    config.use_latitude_weights = file_.read_int_attribute("/", "latitude_weights") != 0;
    auto const& tiling = model_->output_tiling();
    Loss const loss(config, Loss::Use::training,
                    {unnamed_variables(model_->fields().output_channels()), file_.read("latitude"), tiling.width(),
                     tiling.box(mesh_->spatial.rank())});
    Tape tape;
    Context ctx{exec_, &tape, true};
    ctx.first_sample = share_ * mesh_->data.rank();
    output_ = model_->forward(ctx, Var(input_));
    Var const local = loss.sums(ctx, output_, target_, share_);
    auto sums = local.value().to_host(exec_);
    mesh_->world.all_reduce_sum(sums.data(), sums.size());
    tape.backward(exec_, local, loss.seed(exec_, batch_));
    gradients_->collect(exec_, model_->parameters());
    return loss.value(sums, batch_).total;
  }
  /// Of the last step_loss().
  std::vector<double> output() { return whole(output_, model_->output_tiling()); }
  bool has_gradient(int i) const { return gradients_->present(i); }
  std::vector<double> gradient(int i) const { return whole_in_file_order(exec_, parameters(), i, gradients_->of(i)); }
  double gradient_norm() const { return gradients_->norm(exec_); }

  void optimize()
  {
    ClipConfig clip;
    if (setting("clip_grad_norm") > 0)
      clip.max_norm = setting("clip_grad_norm");
    optimizer_->step(exec_, model_->parameters(), *gradients_, setting("lr"), clip.coefficient(gradient_norm()));
  }
  std::vector<double> value(int i) const
  {
    return whole_in_file_order(exec_, parameters(), i, parameters()[i].value());
  }

  /// A field on the tiles of `tiling` and the samples of all data ranks, as (B, C, H, W).
  std::vector<double> whole(Var const& x, Tiling const& tiling) const
  {
    index_t const channels = x.value().shape().back();
    auto const mine = gather_spatial(exec_, x.value(), get_domain_manager(*model_), tiling).to_host(exec_);
    std::vector<double> all(mine.size() * static_cast<std::size_t>(mesh_->data.size()), 0);
    std::copy(mine.begin(), mine.end(), all.begin() + static_cast<std::ptrdiff_t>(mine.size()) * mesh_->data.rank());
    mesh_->data.all_reduce_sum(all.data(), all.size());
    return channels_first(all, batch_, channels);
  }

private:
  Array tile_of(std::string const& name, Tiling const& tiling) const
  {
    auto const s = file_.shape(name);
    Box const b = tiling.box(mesh_->spatial.rank());
    Shape const part{share_, s[1], s[2], b.rows(), b.cols()};
    auto const values = file_.read(name, {{share_ * mesh_->data.rank(), 0, 0, b.row0, b.col0}, part});
    return Array::from_host(Exec(), dtype_, {share_, b.rows(), b.cols(), s[1] * s[2]}, channels_last(values, part));
  }
  /// "lr=0.001 betas=(0.9,0.95) eps=1e-08 weight_decay=0.01 clip_grad_norm=0.5"
  double setting(std::string const& name) const
  {
    std::string const text = file_.read_string_attribute("/", "optimizer");
    std::smatch m;
    if (!std::regex_search(text, m, std::regex(name + R"(=\(?([^,\s\)]+))")))
      fail(file_.path(), "says nothing of the optimizer's " + name);
    return std::stod(m[1]);
  }
  AdamWConfig adamw() const
  {
    std::string const text = file_.read_string_attribute("/", "optimizer");
    std::smatch m;
    if (!std::regex_search(text, m, std::regex(R"(betas=\((\S+),(\S+)\))")))
      fail(file_.path(), "says nothing of the optimizer's betas");
    return {std::stod(m[1]), std::stod(m[2]), setting("eps"), setting("weight_decay")};
  }

  Exec exec_;
  DType dtype_;
  io::Hdf5File file_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<AdamW> optimizer_;
  std::unique_ptr<Gradients> gradients_;
  index_t batch_ = 0, share_ = 0;
  Array input_, target_;
  Var output_;
};

/// What the file of `c` holds, against a run from its weights.
inline void expect_evaluation(GoldenCase& c)
{
  bool const exact = c.parameters().dtype() == DType::float64;
  std::map<std::string, std::vector<double>> stages;
  c.model().observe(
      [&](std::string const& name, Var const& x, Tiling const& grid) { stages[name] = c.whole(x, grid); });
  auto const expected = c.file().read("eval/output");
  EXPECT_LE(difference(c.evaluate(), expected) / length(expected), exact ? 1e-10 : 2e-5);
  c.model().observe({});
  for (auto const& [name, value] : stages)
    if (c.file().exists("eval/" + name)) {
      auto const reference = c.file().read("eval/" + name);
      EXPECT_LE(difference(value, reference) / length(reference), exact ? 2e-7 : 2e-5) << name;
    }
}

inline void expect_gradients(GoldenCase& c)
{
  bool const exact = c.parameters().dtype() == DType::float64;
  double const loss = c.step_loss(), reference = c.file().read("train/loss")[0];
  auto const expected = c.file().read("train/output");
  EXPECT_LE(difference(c.output(), expected) / length(expected), exact ? 1e-10 : 2e-5);
  EXPECT_LE(std::abs(loss - reference) / reference, exact ? 1e-12 : 2e-5);

  // A gradient that cancels to round-off is measured against all gradients together.
  double const whole = c.file().exists("steps/grad_norm") ? c.file().read("steps/grad_norm")[0] : 0;
  double const floor = (exact ? 1e-5 : 1e-4) * whole, tolerance = exact ? 3e-7 : 1e-3;
  int compared = 0, all = 0;
  for (int i = 0; i < c.parameters().size(); ++i) {
    auto const& spec = c.parameters()[i].spec;
    if (!is_optimized(spec))
      continue;
    ++all;
    ASSERT_TRUE(c.has_gradient(i)) << spec.name;
    if (!c.file().exists("grad/" + spec.name))
      continue;
    auto const g = c.file().read("grad/" + spec.name);
    EXPECT_LE(difference(c.gradient(i), g) / std::max(length(g), floor), tolerance) << spec.name;
    ++compared;
  }
  EXPECT_GT(2 * compared, all);
}

/// In float64: float32 would leave the trajectory.
inline void expect_steps(GoldenCase& c)
{
  auto const losses = c.file().read("steps/loss"), norms = c.file().read("steps/grad_norm");
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_LE(std::abs(c.step_loss() - losses[i]) / losses[i], 1e-8) << "step " << i;
    EXPECT_LE(std::abs(c.gradient_norm() - norms[i]) / norms[i], 1e-8) << "step " << i;
    c.optimize();
  }
  for (int i = 0; i < c.parameters().size(); ++i)
    if (std::string const name = "after/" + c.parameters()[i].spec.name; c.file().exists(name)) {
      auto const after = c.file().read(name);
      EXPECT_LE(difference(c.value(i), after), 1e-6 * std::max(length(after), 1e-3)) << name;
    }
}

} // namespace rossby::test
