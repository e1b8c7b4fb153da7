// Training from epoch to epoch. An epoch is a list of batches (trainer_batch.cpp), then the validation, then the
// epoch's row in the log and its checkpoint. Everything that decides what comes next is in that checkpoint, the
// training metric of all finished epochs among it, so that a run that is resumed ends where it would have ended. An
// interrupt is looked for after every optimizer step, and after every step of the validation, which is begun anew when
// the run goes on.
#include "train/trainer.hpp"

#include "core/progress.hpp"
#include "data/climatology.hpp"
#include "io/replace.hpp"
#include "train/credit_run.hpp"
#include "train/weights.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>

#include "progress_file.hpp"
#include "text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace rossby {

namespace {
/// The output's variables; in physical units also what postblocks add, if the loss is to see it.
std::vector<SchemaEntry> scored_variables(LossConfig const& loss, DataPlan const& plan)
{
  auto variables = plan.schema.target;
  if (loss.form == LossConfig::Form::base && loss.include_computed_diagnostics)
    variables.insert(variables.end(), plan.transforms.derived.begin(), plan.transforms.derived.end());
  return variables;
}

LossDomain domain_of(TrainerParts const& parts)
{
  auto const& spatial = parts.mesh.spatial;
  auto const& tiling = parts.model.output_tiling();
  return {scored_variables(parts.config.loss, parts.plan),
          parts.plan.grid.latitude,
          parts.plan.grid.width(),
          tiling.box(spatial.rank()),
          tiling,
          spatial};
}

std::vector<float> climatology_of(MetricsConfig const& metrics, DataPlan const& plan, Box const& tile,
                                  Communicator const& world)
{
  std::vector<float> climatology;
  if (auto const file = metrics.climatology())
    collectively(world, [&] { climatology = read_climatology(*file, plan, tile, MetricsConfig::climatology_key); });
  return climatology;
}

bool better(TrainerConfig const& config, double a, double b)
{
  return !std::isnan(a) && (std::isnan(b) || (config.minimize_metric ? a < b : a > b));
}
} // namespace

Trainer::Trainer(TrainerParts parts)
    : parts_(std::move(parts)), rollout_(parts_.plan, parts_.model, parts_.mesh.spatial),
      training_loss_(parts_.config.loss, Loss::Use::training, domain_of(parts_)),
      validation_loss_(parts_.config.loss, Loss::Use::validation, domain_of(parts_)),
      metrics_(parts_.config.metrics, domain_of(parts_),
               climatology_of(parts_.config.metrics, parts_.plan, rollout_.output_tile(), parts_.mesh.world)),
      gradients_(parts_.model.parameters()), optimizer_(parts_.model.parameters(), parts_.config.trainer.adamw),
      schedule_(make_schedule(parts_.config.trainer.schedule, parts_.config.trainer.learning_rate)),
      training_means_(scored_variables(parts_.config.loss, parts_.plan).size(),
                      static_cast<std::size_t>(metrics_.size())),
      validation_means_(training_means_), log_(parts_.config, scored_variables(parts_.config.loss, parts_.plan))
{
  if (parts_.config.trainer.use_ema)
    averages_ = std::make_unique<Ema>(exec_, parts_.model.parameters(), parts_.config.trainer.ema_decay);
  log_.column(parts_.config.trainer.training_metric); // a wrong name shows now and not after an epoch
  state_.epoch = parts_.config.trainer.start_epoch;
  state_.seed = parts_.config.seed;
  state_.global_batch = index_t{parts_.config.trainer.train_batch_size} * parts_.mesh.data.size();
}

void Trainer::start_from(std::string const& weights)
{
  load_model_weights(exec_, parts_.model.parameters(), weights);
  if (averages_)
    averages_ = std::make_unique<Ema>(exec_, parts_.model.parameters(), averages_->decay());
}

void Trainer::restore(std::string const& checkpoint, Taken const& taken)
{
  CheckpointParts const& what = taken.parts;
  auto& parameters = parts_.model.parameters();
  auto read = read_checkpoint(checkpoint, exec_, parameters, optimizer_, averages_.get(), what, parts_.about);
  if (averages_ && !what.averages)
    averages_ = std::make_unique<Ema>(exec_, parameters, averages_->decay());
  if (taken.schedule)
    restore_schedule(read.schedule);
  if (taken.position) {
    if (taken.other_seed)
      read.seed = state_.seed;
    if (read.seed != state_.seed)
      fail("seed", fmt::format("is {} here and {} in {}", state_.seed, read.seed, checkpoint),
           "resume with the same seed");
    if (read.batch > 0 && read.global_batch != state_.global_batch)
      fail(checkpoint,
           fmt::format("was written in the middle of an epoch with {} samples in a batch over all ranks; here it is {}",
                       read.global_batch, state_.global_batch),
           "resume with as many data ranks times trainer.train_batch_size as before");
    go_on(std::move(read));
  } else if (parts_.config.trainer.reload_epoch) {
    state_.epoch = read.epoch;
  }
}

void Trainer::restore_schedule(std::vector<double> state)
{
  auto const& config = parts_.config.trainer;
  if (config.update_learning_rate && config.schedule.kind == ScheduleConfig::Kind::plateau)
    state.at(0) = config.learning_rate;
  schedule_->restore(state);
}

void Trainer::go_on(TrainingState state)
{
  state.global_batch = state_.global_batch;
  state_ = std::move(state);
  training_means_.restore(state_.sums);
  on_first_rank(parts_.mesh.world, [&] { // who alone writes it
    auto const file = parts_.folder.training_log();
    auto const rows = log_.restore({text_of_file(file), state_.log}, state_.epoch);
    if (auto const epochs = static_cast<std::int64_t>(state_.history.size()); rows < epochs)
      logging::warning(fmt::format("{}: has no rows of {} of the {} epochs before", file, epochs - rows, epochs));
  });
}

void Trainer::take_over(std::string const& credit_checkpoint, std::string const& best, std::string const& training_log)
{
  auto const& config = parts_.config.trainer;
  auto& parameters = parts_.model.parameters();
  auto const read = [&](std::string const& file) {
    auto state = read_credit_run(file, exec_, parameters, optimizer_, averages_.get(), config);
    if (state.batch > 0)
      logging::warning(fmt::format("{}: was written within epoch {}, which begins again", file, state.epoch + 1));
    state.batch = 0;
    state.seed = state_.seed;
    state.sums.clear();
    return state;
  };
  if (config.save_best_weights && !best.empty())
    write_checkpoint(parts_.folder.best_checkpoint(), parts_.mesh.world, exec_, parameters, optimizer_, averages_.get(),
                     read(best), parts_.about);
  auto state = read(credit_checkpoint);
  restore_schedule(state.schedule);
  if (auto const history = log_.adopt(training_log, config.training_metric, state.epoch)) {
    state.history = *history;
    state.log = log_.text();
  } else if (state.history.empty()) {
    logging::warning(fmt::format("{}: no training_log.csv tells {} of its {} epochs: what is best is judged anew",
                                 credit_checkpoint, config.training_metric, state.epoch));
  }
  go_on(std::move(state));
}

bool Trainer::train_epoch()
{
  auto const& config = parts_.config.trainer;
  index_t const batches = parts_.training.batches();
  Progress bar(fmt::format("epoch {}/{}", state_.epoch + 1, config.epochs),
               std::max<index_t>(0, batches - state_.batch), parts_.mesh.world.rank() == 0);
  parts_.training.start(static_cast<std::uint64_t>(state_.epoch), std::min(state_.batch, batches));
  while (auto batch = parts_.training.next()) {
    index_t const samples = batch->indices.global;
    auto const trained = train_batch(std::move(*batch));
    bar.step(samples, trained.loss);
    if (progress_)
      progress_->batch_done({0, 0, 0, state_.update, state_.epoch, config.epochs, state_.batch, batches});
    bool const due = config.save_every_steps > 0 && state_.update % config.save_every_steps == 0;
    if (trained.updated && (trained.interrupted || (due && state_.batch < batches)))
      save();
    if (trained.updated && trained.interrupted)
      return false;
  }
  bar.finish(fmt::format("train_loss {:.5g}", training_means_.loss()));
  return true;
}

bool Trainer::validate()
{
  validation_means_.clear();
  if (!parts_.validation)
    return true;
  if (averages_)
    averages_->swap(exec_, parts_.model.parameters());
  Progress bar("validation", parts_.validation->batches(), parts_.mesh.world.rank() == 0);
  parts_.validation->start(0, 0);
  bool interrupted = false;
  while (auto batch = interrupted ? std::nullopt : parts_.validation->next()) {
    index_t const samples = batch->indices.global;
    auto const outcome = roll_out(Pass::validation, *parts_.validation, std::move(*batch));
    interrupted = outcome.interrupted;
    if (interrupted)
      continue;
    validation_means_.add(outcome.loss, outcome.metrics, samples);
    bar.step(samples, outcome.loss.total);
  }
  if (!interrupted)
    bar.finish(fmt::format("valid_loss {:.5g}", validation_means_.loss()));
  if (averages_)
    averages_->swap(exec_, parts_.model.parameters());
  return !interrupted;
}

void Trainer::finish_epoch()
{
  auto const& config = parts_.config.trainer;
  log_.add(state_.epoch, training_means_, parts_.validation ? &validation_means_ : nullptr, schedule_->rate());
  double const metric = log_.column(config.training_metric);
  state_.history.push_back(metric);
  schedule_->after_epoch(metric);
  ++state_.epoch;
  state_.batch = 0;
  training_means_.clear();
  save();
  keep_epoch();
}

void Trainer::keep_epoch(KeepBest best)
{
  auto const& config = parts_.config.trainer;
  bool const is_best = best_epoch() == static_cast<std::int64_t>(state_.history.size()) - 1;
  on_first_rank(parts_.mesh.world, [&] {
    auto const& folder = parts_.folder;
    io::replace_text(folder.training_log(), log_.text());
    if (config.save_best_weights && is_best && best == KeepBest::this_one)
      io::keep_as(folder.checkpoint(), folder.best_checkpoint());
    if (config.save_every_epoch)
      io::keep_as(folder.checkpoint(), folder.epoch_checkpoint(state_.epoch - 1));
  });
}

std::int64_t Trainer::best_epoch() const
{
  std::int64_t best = -1;
  double value = std::nan("");
  for (std::size_t i = 0; i < state_.history.size(); ++i)
    if (better(parts_.config.trainer, state_.history[i], value)) {
      best = static_cast<std::int64_t>(i);
      value = state_.history[i];
    }
  return best;
}

bool Trainer::out_of_patience() const
{
  auto const epochs = static_cast<std::int64_t>(state_.history.size());
  return epochs > 0 && epochs - 1 - best_epoch() >= parts_.config.trainer.stopping_patience;
}

void Trainer::save(std::string const& file)
{
  state_.schedule = schedule_->state();
  state_.sums = training_means_.numbers();
  state_.log = log_.last_row();
  write_checkpoint(file, parts_.mesh.world, exec_, parts_.model.parameters(), optimizer_, averages_.get(), state_,
                   parts_.about);
}

void Trainer::save()
{
  auto const& folder = parts_.folder;
  if (parts_.config.trainer.save_backup_weights)
    on_first_rank(parts_.mesh.world, [&] {
      if (std::filesystem::exists(folder.checkpoint()))
        io::keep_as(folder.checkpoint(), folder.backup_checkpoint());
    });
  save(folder.checkpoint());
}

std::string Trainer::position() const
{
  return fmt::format("step {} (epoch {}, batch {})", state_.update + 1, state_.epoch + 1, state_.batch + 1);
}

TrainResult Trainer::run()
{
  auto const& config = parts_.config.trainer;
  if (parts_.mesh.world.rank() == 0)
    open_records();
  TrainResult result;
  using End = TrainResult::End;
  for (int done = 0;; ++done) {
    if (out_of_patience()) { // after a resume, too
      logging::info(
          fmt::format("no better {} for {} epochs: stopping", config.training_metric, config.stopping_patience));
      result.end = End::stopped_early;
      break;
    }
    if (state_.epoch >= config.epochs)
      break;
    if (done == config.num_epoch || (done == 1 && config.stop_after_epoch)) {
      result.end = End::job_limit;
      break;
    }
    if (!train_epoch()) {
      result.end = End::interrupted;
      break;
    }
    if (!validate()) {
      save(); // all batches of the epoch are done: what goes on from here begins with its validation
      result.end = End::interrupted;
      break;
    }
    finish_epoch();
  }
  result.epochs = state_.epoch;
  result.updates = state_.update;
  result.best_epoch = best_epoch();
  if (result.best_epoch >= 0)
    result.best_metric = state_.history[static_cast<std::size_t>(result.best_epoch)];
  result.checkpoint = parts_.folder.checkpoint();
  result.best_checkpoint = config.save_best_weights ? parts_.folder.best_checkpoint() : result.checkpoint;
  return result;
}

void Trainer::open_records()
{
  progress_ = std::make_shared<ProgressFile>(parts_.folder.progress());
  std::string kept = "step,epoch,batch,loss,grad_norm,lr\n", line;
  std::ifstream old(parts_.folder.steps_log());
  std::getline(old, line); // the header
  auto const whole = [](std::string const& row) { return std::count(row.begin(), row.end(), ',') == 5; };
  while (std::getline(old, line) && whole(line) && std::atoll(line.c_str()) <= state_.update)
    kept += line + '\n';
  io::replace_text(parts_.folder.steps_log(), state_.update == 0 ? kept.substr(0, kept.find('\n') + 1) : kept);
  steps_log_.open(parts_.folder.steps_log(), std::ios::app);
}

} // namespace rossby
