#include "train/config.hpp"
#include <support/messages.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace rossby {
namespace {

using test::text_of;
using ::testing::HasSubstr;

TrainerConfig trainer(std::string const& text, std::string* messages = nullptr)
{
  auto const deck = Deck::parse("trainer: " + text);
  Problems problems;
  auto const c = TrainerConfig::read(deck["trainer"], problems);
  deck.check_all_read(problems);
  if (messages)
    *messages = text_of(problems);
  else
    EXPECT_EQ(text_of(problems), "");
  return c;
}

std::string const least = "learning_rate: 1.0e-3, weight_decay: 0, train_batch_size: 4";

TEST(TrainerConfig, Defaults)
{
  auto const c = trainer("{" + least + "}");
  EXPECT_EQ(c.learning_rate, 1e-3);
  EXPECT_EQ(c.adamw.beta2, 0.95);
  EXPECT_EQ(c.valid_batch_size, 4);
  EXPECT_TRUE(std::isinf(c.clip.max_norm));
  EXPECT_EQ(c.schedule.kind, ScheduleConfig::Kind::constant);
  EXPECT_EQ(c.stopping_patience, 100);
  EXPECT_TRUE(c.save_backup_weights && c.save_best_weights && c.save_all_metric_vars);
}

TEST(TrainerConfig, Everything)
{
  auto const c = trainer("{" + least + R"(, type: gen2, valid_batch_size: 2, amp: false, num_epoch: 1e8,
    parallelism: {data: fsdp2, tensor: 2, domain: [2, 3]}, activation_checkpoint: true, grad_max_norm: 1.0,
    use_scheduler: true, scheduler: {scheduler_type: linear-warmup-cosine, warmup_steps: 40, total_steps: 840},
    use_ema: true, ema_decay: 0.99, save_metric_vars: [Winds/prognostic], training_metric: valid_rmse,
    training_metric_direction: min, backprop_on_timestep: [1, 3], save_every_steps: 10, dtype: float64})");
  EXPECT_EQ(c.parallelism.group_size(), 12);
  EXPECT_EQ(c.schedule.warmup_steps, 40);
  EXPECT_EQ(c.schedule.min_lr, 1e-5);
  EXPECT_EQ(c.clip.max_norm, 1.0);
  EXPECT_FALSE(c.save_all_metric_vars);
  EXPECT_EQ(c.num_epoch, 100000000);
  EXPECT_EQ(c.precision.parameters, DType::float64);
}

TEST(TrainerConfig, Precision)
{
  auto const precision = [](std::string const& keys) { return trainer("{" + least + ", " + keys + "}").precision; };
  auto const plain = precision("amp: false");
  EXPECT_EQ(plain.fields, DType::float32);
  auto const mixed = precision("amp: true");
  EXPECT_EQ(mixed.parameters, DType::float32);
  EXPECT_EQ(mixed.fields, DType::bfloat16);
  EXPECT_EQ(mixed.output, DType::float32);
  auto const credit =
      precision("amp: true, fsdp2_mp_policy: {param_dtype: bfloat16, reduce_dtype: fp32, output_dtype: bf16}");
  EXPECT_EQ(credit.fields, DType::bfloat16);
  EXPECT_EQ(credit.output, DType::bfloat16);
  auto const wide = precision("amp: true, fsdp2_mp_policy: {param_dtype: float32}");
  EXPECT_EQ(wide.fields, DType::float32);
  EXPECT_EQ(wide.output, DType::float32);
}

TEST(TrainerConfig, Refusals)
{
  std::vector<std::pair<std::string, char const*>> const cases{
      {"amp: true, dtype: float64", "trainer.amp: is true, but trainer.dtype is float64"},
      {"amp: true, fsdp2_mp_policy: {param_dtype: float16}", "trainer.fsdp2_mp_policy.param_dtype: unknown value"},
      {"amp: true, fsdp2_mp_policy: {reduce_dtype: bf16}", "sums over ranks are made in float32"},
      {"amp: true, fsdp2_mp_policy: {parm_dtype: bf16}", "did you mean 'param_dtype'"},
      {"parallelism: {data: dpp}", "did you mean 'ddp'"},
      {"parallelism: {dat: ddp}", "did you mean 'data'"},
      {"parallelism: {domain: 0}", "trainer.parallelism.domain"},
      {"parallelism: {domain: [2, 2, 2]}", "bands in latitude"},
      {"parallelism: {tensor: -1}", "trainer.parallelism.tensor: is out of range"},
      {"train_batch_size: 0", "give 1 or more"},
      {"learning_rate: -1", "more than 0"},
      {"learning_rate: .nan", "more than 0"},
      {"scheduler: {scheduler_type: cosine}", "not a schedule"},
      {"scheduler: {warmup_steps: 4}", "scheduler_type: is missing"},
      {"scheduler: {scheduler_type: cosine-annealing-restarts, first_cycle_steps: 5, warmup_steps: 5}", "don't fit"},
      {"type: era5-v2", "trainer.type: unknown value"},
      {"ensemble_size: 4", "ensembles"},
      {"grad_max_norm: -1", "trainer.grad_max_norm"},
      {"adam_betas: [1.0, 0.9]", "adam_betas"},
      {"learning_rat: 1", "unknown key"},
  };
  for (auto const& [text, expected] : cases) {
    std::string const key = text.substr(0, text.find(':'));
    std::string rest = least;
    if (auto const at = rest.find(key + ":"); at != std::string::npos) // replace, not repeat
      rest.replace(at, rest.find(',', at) == std::string::npos ? std::string::npos : rest.find(',', at) - at, text);
    else
      rest += ", " + text;
    std::string messages;
    trainer("{" + rest + "}", &messages);
    EXPECT_THAT(messages, HasSubstr(expected)) << rest;
  }
  std::string messages;
  trainer("{epochs: 3}", &messages);
  EXPECT_THAT(messages, HasSubstr("trainer.learning_rate: is missing"));
  EXPECT_THAT(messages, HasSubstr("trainer.weight_decay: is missing"));
  trainer("{" + least + ", grad_max_norm: dynamic}", &messages);
  EXPECT_THAT(messages, HasSubstr("warning trainer.grad_max_norm"));
}

TEST(ParallelismConfig, WorldSize)
{
  ParallelismConfig c;
  c.domain = {3, 2};
  Problems problems;
  c.check(8, problems);
  EXPECT_THAT(text_of(problems), HasSubstr("needs a multiple of 6 ranks; this run has 8\n  fix: start 6 or 12 ranks"));
  Problems fine;
  c.check(12, fine);
  EXPECT_TRUE(fine.errors().empty());
  c.data = ParallelismConfig::Data::none;
  c.check(12, fine);
  EXPECT_THAT(text_of(fine),
              HasSubstr("trainer.parallelism.data: is 'none', so only tensor x domain = 6 ranks have work"));
}

TEST(ParallelismConfig, WholeStages)
{
  auto const read = [](std::string const& text, Problems& problems) {
    auto const deck = Deck::parse("trainer: " + text);
    return ParallelismConfig::read(deck["trainer"], problems);
  };
  Problems fine, wrong;
  auto const c = read("{parallelism: {data: fsdp2, tensor: 2, domain: [3, 2]}, tensor_whole: [0, 2]}", fine);
  EXPECT_TRUE(fine.errors().empty());
  EXPECT_EQ(c.data, ParallelismConfig::Data::fsdp2);
  EXPECT_EQ(c.group_size(), 12);
  EXPECT_EQ(c.tensor_whole, (std::set<int>{0, 2}));
  read("{tensor_whole: [-1]}", wrong);
  EXPECT_THAT(text_of(wrong), HasSubstr("trainer.tensor_whole: holds -1"));
}

LossConfig loss(std::string const& text, std::string* messages = nullptr)
{
  auto const deck = Deck::parse("loss: " + text);
  Problems problems;
  auto const c = LossConfig::read(deck["loss"], problems);
  deck.check_all_read(problems);
  if (messages)
    *messages = text_of(problems);
  else
    EXPECT_EQ(text_of(problems), "");
  return c;
}

TEST(LossConfig, Flat)
{
  auto const c = loss("{training_loss: huber, training_loss_parameters: {delta: 0.5}, use_variable_weights: true, "
                      "variable_weights: {u: [1, 2], sp: 3}, use_latitude_weights: true, latitude_weights: g.nc, "
                      "use_power_loss: false, spectral_wavenum_init: 20}");
  EXPECT_EQ(c.form, LossConfig::Form::flat);
  EXPECT_EQ(c.training.delta, 0.5);
  EXPECT_EQ(c.validation.kind, ElementLoss::Kind::mae);
  ASSERT_EQ(c.variable_weights.size(), 2u);
  EXPECT_EQ(c.variable_weights[0].second, (std::vector<double>{1, 2}));
}

TEST(LossConfig, EveryElementwiseLossHasItsName)
{
  using Kind = ElementLoss::Kind;
  std::vector<std::pair<std::string, Kind>> const names{
      {"mse", Kind::mse},         {"mae", Kind::mae},     {"huber", Kind::huber},      {"msle", Kind::msle},
      {"logcosh", Kind::logcosh}, {"xtanh", Kind::xtanh}, {"xsigmoid", Kind::xsigmoid}};
  for (auto const& [name, kind] : names)
    EXPECT_EQ(loss("{training_loss: " + name + "}").training.kind, kind) << name;
  std::string messages;
  for (char const* name : {"KCRPS", "almost-fair-crps", "ring-crps", "covmse"}) {
    loss(std::string("{training_loss: ") + name + "}", &messages);
    EXPECT_THAT(messages, HasSubstr(std::string("loss.training_loss: ") + name));
  }
}

TEST(LossConfig, Base)
{
  auto const c =
      loss("{type: base, args: {training_loss: mse, var_weighting: manual, variable_weights: {A/prognostic/2d/u: 2},"
           "base_loss_overrides: {A/prognostic/2d/u: {loss: mae}}, normalize_weights: false}}");
  EXPECT_EQ(c.form, LossConfig::Form::base);
  EXPECT_EQ(c.validation.kind, ElementLoss::Kind::mse);
  EXPECT_EQ(c.overrides.at(0).second.kind, ElementLoss::Kind::mae);
  std::string messages;
  loss("{type: base, args: {training_loss: mse}}", &messages);
  EXPECT_THAT(messages, HasSubstr("scaler_path: is missing"));
  loss("{type: base, args: {training_loss: KCRPS, var_weighting: learnable}}", &messages);
  EXPECT_THAT(messages, HasSubstr("KCRPS scores an ensemble"));
  EXPECT_THAT(messages, HasSubstr("unknown value 'learnable'"));
  auto const spectra = loss("{training_loss: mse, use_spectral_loss: true, spectral_lambda_reg: 0.5}");
  EXPECT_TRUE(spectra.use_spectral_loss && !spectra.use_power_loss);
  EXPECT_EQ(spectra.spectral_lambda, 0.5);
  EXPECT_EQ(spectra.wavenum_init, 20);
  loss("{training_loss: power}", &messages);
  EXPECT_THAT(messages, HasSubstr("set use_power_loss: true"));
}

TEST(MetricsConfig, ReadsAndRefuses)
{
  auto const deck =
      Deck::parse("metrics: {type: combined, args: {metrics: {rmse: {}, acc: {climatology_path: c.nc}, "
                  "activity: {climatology_path: d.nc}, log_variance_ratio: {eps: 0.1}, crps: {}, mae: {x: 1}}}}");
  Problems problems;
  auto const c = MetricsConfig::read(deck["metrics"], problems);
  deck.check_all_read(problems);
  EXPECT_EQ(c.metrics.size(), 5u);
  EXPECT_EQ(c.metrics[1].climatology_path, "c.nc");
  EXPECT_EQ(c.metrics[3].eps, 0.1);
  EXPECT_EQ(problems.errors().size(), 3u) << text_of(problems); // another climatology, crps, mae.x
  Problems none;
  EXPECT_EQ(MetricsConfig::read(Deck::parse("a: 1")["metrics"], none).metrics.size(), 3u);
}

} // namespace
} // namespace rossby
