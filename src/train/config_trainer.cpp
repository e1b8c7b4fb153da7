#include "train/config.hpp"

#include <rossby/core/deck_block.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace rossby {

namespace {
constexpr int any_count = std::numeric_limits<int>::max();

/// A count in [low, any].
void count(DeckBlock const& block, std::string const& key, int& value, int low)
{
  block.in_range(key, value, low, any_count, fmt::format("{} or more", low));
}

void positive(DeckBlock const& block, std::string const& key, double& value)
{
  block.in_range(key, value, std::numeric_limits<double>::min(), std::numeric_limits<double>::max(), "more than 0");
}

void not_negative(DeckBlock const& block, std::string const& key, double& value)
{
  block.in_range(key, value, 0.0, std::numeric_limits<double>::max(), "0 or more");
}

void read_clip(DeckBlock const& block, ClipConfig& clip)
{
  auto const node = block.child("grad_max_norm");
  if (!node.exists())
    return;
  block.attempt([&] {
    if (node.is_scalar() && node.as<std::string>() == "dynamic") {
      block.problems().warning(node.path(), "'dynamic' clips the gradient at its own length, which changes nothing",
                               "give a number, for instance 1.0, or 0 for no clipping");
      return;
    }
    double const norm = node.as<double>();
    if (!(norm >= 0))
      node.reject("is out of range", "give a length, 0 for no clipping");
    if (norm > 0)
      clip.max_norm = norm;
  });
}

void read_plateau(DeckBlock const& s, ScheduleConfig& c)
{
  s.choice("mode", c.minimize, {{"min", true}, {"max", false}});
  s.in_range("factor", c.factor, 0.0, 1.0, "a factor below 1");
  count(s, "patience", c.patience, 0);
  count(s, "cooldown", c.cooldown, 0);
  not_negative(s, "threshold", c.threshold);
  s.choice("threshold_mode", c.relative_threshold, {{"rel", true}, {"abs", false}});
  not_negative(s, "min_lr", c.min_lr);
  not_negative(s, "eps", c.eps);
  s.ignore("verbose", "the learning rate is a column of training_log.csv");
}

void read_schedule(DeckBlock const& block, bool minimize_metric, ScheduleConfig& c)
{
  using Kind = ScheduleConfig::Kind;
  bool use = true;
  block("use_scheduler", use);
  auto const node = block.child("scheduler");
  if (!use) {
    node.mark_read();
    return;
  }
  if (!node.exists())
    return; // a constant rate
  DeckBlock const s(node, block.problems());
  std::string name;
  if (!s.require("scheduler_type", name, "name one, or set use_scheduler: false"))
    return;
  if (!s.attempt([&] { c.kind = ScheduleConfig::parse_kind(name, s.path("scheduler_type")); })) {
    node.mark_read();
    return;
  }
  c.minimize = minimize_metric;
  switch (c.kind) {
  case Kind::constant:
  case Kind::lambda:
    break;
  case Kind::plateau:
    read_plateau(s, c);
    break;
  case Kind::cosine_annealing:
    positive(s, "T_max", c.t_max);
    not_negative(s, "eta_min", c.eta_min);
    break;
  case Kind::cosine_annealing_restarts:
    c.min_lr = 0.001;
    positive(s, "first_cycle_steps", c.first_cycle_steps);
    positive(s, "cycle_mult", c.cycle_mult);
    positive(s, "max_lr", c.max_lr);
    not_negative(s, "min_lr", c.min_lr);
    not_negative(s, "warmup_steps", c.warmup_steps);
    positive(s, "gamma", c.gamma);
    if (c.warmup_steps >= c.first_cycle_steps)
      block.problems().error(
          s.path("warmup_steps"),
          fmt::format("{} steps of warm-up don't fit into a cycle of {}", c.warmup_steps, c.first_cycle_steps),
          "use fewer, or a longer first_cycle_steps");
    break;
  case Kind::linear_warmup_cosine:
    c.min_lr = 1e-5;
    c.warmup_steps = 1000;
    not_negative(s, "warmup_steps", c.warmup_steps);
    positive(s, "total_steps", c.total_steps);
    not_negative(s, "min_lr", c.min_lr);
    break;
  }
  int last_epoch = -1;
  if (s("last_epoch", last_epoch) && last_epoch != -1)
    block.problems().error(s.path("last_epoch"),
                           fmt::format("is {}: the position comes from the checkpoint", last_epoch), "remove it");
}

void read_metric_vars(DeckBlock const& block, TrainerConfig& c)
{
  auto const node = block.child("save_metric_vars");
  if (!node.exists())
    return;
  block.attempt([&] {
    if (node.is_list()) {
      c.save_metric_vars = node.as<std::vector<std::string>>();
      c.save_all_metric_vars = c.save_metric_vars.empty();
    } else {
      c.save_all_metric_vars = node.as<bool>();
    }
  });
}

void read_adamw(DeckBlock const& block, bool required, TrainerConfig& c)
{
  if (required) {
    for (char const* key : {"learning_rate", "weight_decay", "train_batch_size"})
      if (!block.has(key))
        block.problems().error(block.path(key), "is missing", "add it to the trainer block");
  }
  positive(block, "learning_rate", c.learning_rate);
  not_negative(block, "weight_decay", c.adamw.weight_decay);
  not_negative(block, "adam_eps", c.adamw.epsilon);
  std::vector<double> betas;
  if (block("adam_betas", betas)) {
    if (betas.size() == 2 && betas[0] >= 0 && betas[0] < 1 && betas[1] >= 0 && betas[1] < 1) {
      c.adamw.beta1 = betas[0];
      c.adamw.beta2 = betas[1];
    } else {
      block.problems().error(block.path("adam_betas"), "must be two numbers of at least 0 and below 1",
                             "CREDIT's are [0.9, 0.95]");
    }
  }
}

/// bfloat16 needs no scaling of the loss: its exponents are float32's.
void read_precision(DeckBlock const& block, Precision& precision)
{
  DType dtype = DType::float32;
  block.choice("dtype", dtype, {{"float32", DType::float32}, {"float64", DType::float64}});
  precision = dtype;
  bool amp = false;
  block("amp", amp);
  if (amp && dtype == DType::float64)
    block.problems().error(block.path("amp"), "is true, but " + block.path("dtype") + " is float64",
                           "set one of them: mixed precision is bfloat16 with float32 parameters");
  else if (amp)
    precision = Precision::mixed();

  DeckBlock const policy(block.child("fsdp2_mp_policy"), block.problems());
  std::vector<std::pair<std::string, DType>> const types{
      {"bfloat16", DType::bfloat16}, {"bf16", DType::bfloat16}, {"float32", DType::float32}, {"fp32", DType::float32}};
  DType fields = DType::bfloat16, sums = DType::float32, output = DType::float32;
  policy.choice("param_dtype", fields, types);
  policy.choice("reduce_dtype", sums, types);
  policy.choice("output_dtype", output, types);
  if (sums != DType::float32)
    policy.problems().error(policy.path("reduce_dtype"), "is bfloat16, but sums over ranks are made in float32",
                            "use float32");
  if (!amp && policy.node().exists())
    policy.problems().warning(block.path("fsdp2_mp_policy"), "has no effect without amp: true",
                              "set " + block.path("amp") + " to true, or remove the block");
  if (amp && dtype == DType::float32) {
    precision.fields = fields;
    precision.output = output;
  }
}
} // namespace

TrainerConfig TrainerConfig::read(DeckNode const& node, Problems& problems, bool needs_training)
{
  TrainerConfig c;
  DeckBlock const block(node, problems);
  if (!node.exists() && needs_training)
    problems.error(node.path(), "the block is missing", "add a trainer: block");
  bool gen2 = true;
  block.choice("type", gen2, {{"gen2", true}, {"era5-gen2", true}});
  c.parallelism = ParallelismConfig::read(node, problems);
  block("activation_checkpoint", c.activation_checkpoint);
  read_precision(block, c.precision);

  read_adamw(block, needs_training && node.exists(), c);
  read_clip(block, c.clip);
  block.choice("training_metric_direction", c.minimize_metric, {{"min", true}, {"max", false}});
  read_schedule(block, c.minimize_metric, c.schedule);
  block("use_ema", c.use_ema);
  block.in_range("ema_decay", c.ema_decay, 0.0, 1.0, "a decay between 0 and 1");

  count(block, "train_batch_size", c.train_batch_size, 1);
  c.valid_batch_size = c.train_batch_size;
  count(block, "valid_batch_size", c.valid_batch_size, 1);
  count(block, "grad_accum_every", c.grad_accum_every, 1);
  if (block("backprop_on_timestep", c.backprop_on_timestep))
    for (int const step : c.backprop_on_timestep)
      if (step < 1)
        problems.error(block.path("backprop_on_timestep"), fmt::format("holds {}", step), "steps count from 1");

  count(block, "epochs", c.epochs, 1);
  count(block, "start_epoch", c.start_epoch, 0);
  count(block, "num_epoch", c.num_epoch, 1);
  count(block, "batches_per_epoch", c.batches_per_epoch, 0);
  count(block, "valid_batches_per_epoch", c.valid_batches_per_epoch, 0);
  count(block, "stopping_patience", c.stopping_patience, 1);
  block("stop_after_epoch", c.stop_after_epoch);
  bool one_epoch = false;
  if (block("train_one_epoch", one_epoch) && one_epoch)
    c.num_epoch = 1;

  block("load_weights", c.load_weights);
  block("load_optimizer", c.load_optimizer);
  block("load_scheduler", c.load_scheduler);
  block("reload_epoch", c.reload_epoch);
  block("update_learning_rate", c.update_learning_rate);
  block("save_backup_weights", c.save_backup_weights);
  block("save_best_weights", c.save_best_weights);
  block("save_every_epoch", c.save_every_epoch);
  count(block, "save_every_steps", c.save_every_steps, 0);
  block("skip_validation", c.skip_validation);
  block("training_metric", c.training_metric);
  read_metric_vars(block, c);
  count(block, "thread_workers", c.thread_workers, 0);
  count(block, "valid_thread_workers", c.valid_thread_workers, 0);
  count(block, "prefetch_factor", c.prefetch_factor, 1);

  int ensemble = 1;
  if (block("ensemble_size", ensemble) && ensemble != 1)
    problems.error(block.path("ensemble_size"), "ensembles are not offered", "set it to 1");
  bool load_scaler = false;
  if (block("load_scaler", load_scaler) && load_scaler)
    problems.warning(block.path("load_scaler"),
                     "is ignored: bfloat16 has the range of float32 and needs no gradient scaler");
  bool compile = false;
  if (block("compile", compile) && compile)
    problems.warning(block.path("compile"), "is ignored: this program is compiled already");
  bool board = false;
  if (block("use_tensorboard", board) && board)
    problems.warning(block.path("use_tensorboard"), "is ignored: see training_log.csv and tools/plot.py");
  block.ignore("mode", "trainer.parallelism says how ranks work together");
  block.ignore("cpu_offload", "parameters stay on the device");
  block.ignore("skip_nan_prune", "a loss that is not finite always ends the run, keeping the last good checkpoint");
  block.ignore("dataloader_timeout_s", "the reader is a thread of this program and reports its errors itself");
  return c;
}

} // namespace rossby
