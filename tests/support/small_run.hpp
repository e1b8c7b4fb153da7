#pragma once
// A training run small enough for a test: a linear model of each cell, and fields that are formulas.
#include "train/trainer.hpp"
#include <rossby/autograd/functions.hpp>
#include <rossby/parallel.hpp>

#include <cmath>
#include <filesystem>
#include <limits>
#include <unistd.h>

namespace rossby::testing {

/// y = W x + b in every cell.
class LinearModel final : public Model {
public:
  explicit LinearModel(FieldShape const& fields)
      : Model(fields, false), image_(grids_.coarsest(fields.height, fields.width))
  {
    set_grids(image_, image_);
    parameters_.declare({"head.weight",
                         {fields.output_channels(), fields.input_channels()},
                         ParameterLayout::natural,
                         {},
                         {Initial::Kind::normal, 0.1},
                         true,
                         true});
    parameters_.declare({"head.bias", {fields.output_channels()}, ParameterLayout::natural, {}, {}, true, true});
    parameters_.declare({"spare.bias", {3}, ParameterLayout::natural, {}, {Initial::Kind::constant, 1}, true, false});
  }
  Var forward(Context& context, Var const& x) override
  {
    Var const y = linear(context, x, {parameters_[0].var, {}, parameters_[1].var});
    show("head", y, image_);
    return y;
  }

private:
  GridId image_;
};

class LinearSpec final : public Spec {
public:
  std::string type() const override { return "linear"; }
  void check(Problems&) const override {}
  std::string fingerprint() const override { return "model: linear\n"; }
  std::pair<int, int> padded_grid() const override { return {fields.height, fields.width}; }
  std::vector<PartCost> parts() const override { return {}; }

private:
  std::unique_ptr<Model> make() const override { return std::make_unique<LinearModel>(fields); }
};

/// Two prognostic variables (one of two levels), a static field and a forcing; two frames; a 5 x 6 grid.
struct SmallWorld {
  static constexpr index_t height = 5, width = 6;
  RunConfig config;
  DataPlan plan;

  SmallWorld()
  {
    auto const spec = std::make_shared<LinearSpec>();
    spec->fields = {height, width, 2, 1, 1, 2, 1, 2, 0};
    config.model = spec;
    auto const entry = [](std::string const& key, FieldType type, int levels, int first) {
      SchemaEntry e;
      e.key = key;
      e.variable = key.substr(key.rfind('/') + 1);
      e.type = type;
      e.levels.assign(static_cast<std::size_t>(levels), 0);
      e.is_3d = levels > 1;
      e.first_channel = first;
      return e;
    };
    auto const u = entry("S/prognostic/3d/u", FieldType::prognostic, 2, 0);
    auto const p = entry("S/prognostic/2d/p", FieldType::prognostic, 1, 2);
    plan.schema.input = {u, p, entry("S/static/2d/z", FieldType::fixed, 1, 3),
                         entry("S/dynamic_forcing/2d/sun", FieldType::dynamic_forcing, 1, 4)};
    plan.schema.target = {u, p};
    plan.schema.n_time = 2;
    for (index_t i = 0; i < height; ++i)
      plan.grid.latitude.push_back(80 - 40.0 * static_cast<double>(i));
    for (index_t j = 0; j < width; ++j)
      plan.grid.longitude.push_back(60.0 * static_cast<double>(j));
    TransformStep scale;
    scale.scale = 2;
    scale.offset = 0.5;
    plan.transforms.output.assign(3, {scale});
    plan.transforms.feedback.resize(5);
    plan.config.forecast_len = config.data.forecast_len = 2;
    plan.config.history_len = config.data.history_len = 2;

    auto& t = config.trainer;
    t.precision = DType::float64;
    t.learning_rate = 0.01;
    t.adamw.weight_decay = 0.01;
    t.epochs = 2;
    t.train_batch_size = 6;
    t.use_ema = true;
    t.clip.max_norm = 0.5;
    t.schedule.kind = ScheduleConfig::Kind::linear_warmup_cosine;
    t.schedule.warmup_steps = 2;
    t.schedule.total_steps = 9;
    t.training_metric = "train_loss";
    config.loss.form = LossConfig::Form::base;
    config.loss.weighting = LossConfig::Weighting::manual;
    config.loss.variable_weights = {{"u", {2}}};
    config.loss.use_latitude_weights = true;
    config.seed = 7;
  }
};

/// Fields by formula; counts what it gave and can play a faulty file or a batch system.
class FormulaSource final : public BatchSource {
public:
  FormulaSource(Sampler sampler, Box tile, int steps) : sampler_(std::move(sampler)), tile_(tile), steps_(steps) {}
  index_t batches() const override { return sampler_.batches(); }
  void start(std::uint64_t epoch, index_t first) override { epoch_ = epoch, batch_ = first, step_ = 0; }
  std::optional<BatchStep> next() override
  {
    if (batch_ == batches())
      return {};
    BatchStep b;
    b.number = batch_;
    b.step = step_;
    b.last_step = step_ + 1 == steps_;
    b.indices = sampler_.batch(epoch_, batch_);
    for (auto const sample : b.indices.samples) {
      b.initial_times.push_back(sample * 3600);
      fill(b, sample);
    }
    if (step_ == 0 && ++given_ == terminate_at)
      stop_requested = true;
    if (++step_ == steps_) {
      step_ = 0;
      ++batch_;
    }
    return b;
  }
  index_t given() const { return given_; }   ///< batches begun
  bool stop_requested = false;               ///< once the batch `terminate_at` has been given
  index_t terminate_at = -1, poison_at = -1; ///< the n-th batch given, from 1

private:
  static double value(index_t sample, index_t time, index_t cell, index_t channel)
  {
    double const s = static_cast<double>(sample), t = static_cast<double>(time), x = static_cast<double>(cell);
    return std::sin(0.7 * s + 0.3 * t + 0.11 * x * (1 + static_cast<double>(channel)));
  }
  void fill(BatchStep& b, index_t sample) const
  {
    bool const poisoned = given_ + 1 == poison_at && step_ == 0;
    for (index_t row = tile_.row0; row < tile_.row1; ++row)
      for (index_t col = tile_.col0; col < tile_.col1; ++col) {
        index_t const cell = row * SmallWorld::width + col;
        for (index_t c = 0; c < 5 && step_ == 0; ++c)
          for (index_t f = 0; f < 2; ++f) {
            double const v = value(sample, c == 3 ? 0 : f, cell, c);
            b.input.push_back(static_cast<float>(poisoned && c == 2 && cell == 8 ? std::nan("") : v));
          }
        if (step_ > 0)
          b.forcing.push_back(static_cast<float>(value(sample, step_ + 1, cell, 4)));
        for (index_t c = 0; c < 3; ++c) {
          double const v = value(sample, step_ + 2, cell, c);
          b.target.push_back(static_cast<float>(v));
          b.target_physical.push_back(static_cast<float>(2 * v + 0.5));
        }
      }
  }
  Sampler sampler_;
  Box tile_;
  int steps_;
  std::uint64_t epoch_ = 0;
  index_t batch_ = 0, given_ = 0;
  int step_ = 0;
};

/// The whole of it on a mesh. The folder goes with the run unless it is kept.
struct SmallRun {
  SmallWorld world;
  Mesh mesh;
  LinearModel model;
  RunFolder folder;
  Model& stored;
  FormulaSource training, validation;
  Trainer trainer;

  SmallRun(SmallWorld w, Communicator const& ranks, std::string const& path, int rows = 1, int columns = 1,
           index_t samples = 10, index_t validation_samples = 4)
      : world(std::move(w)), mesh(build_device_mesh(parallelism(rows, columns), ranks)),
        model(world.config.model->fields), folder(path, ranks, RunFolder::Entry::again), stored(allocated()),
        training(sampler_for(world.config, mesh, samples, true), tile(), world.config.data.forecast_len),
        validation(sampler_for(world.config, mesh, validation_samples, false), tile(), world.config.data.forecast_len),
        trainer({world.config,
                 world.plan,
                 mesh,
                 stored,
                 folder,
                 training,
                 &validation,
                 {"deck", "model: linear\n", "schema"},
                 [this] { return training.stop_requested || validation.stop_requested; }})
  {
  }
  Model& allocated()
  {
    parallelise(model, mesh, {});
    model.allocate(Exec(), world.config.trainer.precision, 3);
    return model;
  }
  static ParallelismConfig parallelism(int rows, int columns)
  {
    ParallelismConfig c;
    c.domain = {rows, columns};
    return c;
  }
  Box tile() const { return model.input_tiling().box(mesh.spatial.rank()); }
  std::vector<double> weights() const
  {
    auto all = model.parameters()[0].value().to_host(Exec());
    auto const bias = model.parameters()[1].value().to_host(Exec());
    all.insert(all.end(), bias.begin(), bias.end());
    return all;
  }
};

/// A folder of this test process that goes at the end.
struct ScratchFolder {
  std::string path;
  explicit ScratchFolder(std::string const& name)
      : path((std::filesystem::temp_directory_path() / ("rossby_" + name + "_" + std::to_string(::getpid()))).string())
  {
    std::filesystem::remove_all(path);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path); }
  std::string operator/(std::string const& name) const { return path + "/" + name; }
};

} // namespace rossby::testing
