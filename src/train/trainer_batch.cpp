// Training, one batch: a rollout of forecast_len steps (roll_out). Each step has a tape of its own, its loss goes
// backwards at once, and the state goes on detached. Losses and gradients are sums over ranks of local terms, divided
// by global counts, so that a batch is the same on every mesh. After grad_accum_every batches, and after an epoch's
// last, the gradients are collected, scaled to the mean over the samples that they hold, clipped and given to the
// optimizer (update); in the last rollout before it their sums start beside the backward pass. Numbers that decide what
// happens next (is the loss finite, was an interrupt asked for) travel in one sum with the losses, so that all ranks
// decide alike.
#include "train/postblocks.hpp"
#include "train/trainer.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

bool Trainer::backpropagates(int step) const
{
  auto const& own = parts_.config.trainer.backprop_on_timestep;
  auto const& steps = own.empty() ? parts_.config.data.backprop_on_timestep : own;
  return steps.empty() || std::find(steps.begin(), steps.end(), step + 1) != steps.end();
}

bool Trainer::backpropagates_after(int step) const
{
  for (int later = step + 1; later < parts_.config.data.forecast_len; ++later)
    if (backpropagates(later))
      return true;
  return false;
}

bool Trainer::ends_update() const
{
  return accumulated_batches_ + 1 == parts_.config.trainer.grad_accum_every ||
         state_.batch + 1 == parts_.training.batches();
}

bool Trainer::asked_to_stop() const
{
  double asked = parts_.stop && parts_.stop() ? 1 : 0;
  parts_.mesh.world.all_reduce_max(&asked, 1);
  return asked > 0;
}

Var Trainer::scored(Context& context, Var const& physical) const
{
  return leading_channels(context, physical, metrics_.channels());
}

Trainer::Outcome Trainer::roll_out(Pass pass, BatchSource& source, BatchStep batch)
{
  bool const training = pass == Pass::training;
  Loss const& loss = training ? training_loss_ : validation_loss_;
  index_t const real = batch.indices.real, global = batch.indices.global;
  std::vector<double> sums(static_cast<std::size_t>(loss.terms()), 0.0);
  bool const with_added = metrics_.channels() > parts_.plan.schema.target_channels();
  bool judged = false; // whether `target` is this step's
  Array target;
  RolloutUnderWay rollout(rollout_);
  std::optional<Suspect> suspect; // the first step whose loss is not finite
  while (true) {
    rollout.feed(exec_, batch);
    bool const backward = training && backpropagates(batch.step);
    Tape tape;
    Context context{exec_,
                    backward ? &tape : nullptr,
                    training,
                    static_cast<std::uint64_t>(state_.seed),
                    static_cast<std::uint64_t>(state_.forward),
                    batch.indices.first};
    rollout.step(context);
    state_.forward += training ? 1 : 0;
    judged = backward || (!training && batch.last_step);
    if (judged) {
      Var const y = loss.physical() ? scored(context, rollout.physical(context)) : rollout.flat(context);
      target = rollout.truth(exec_, batch, loss.physical(), with_added);
      Var const s = loss.sums(context, y, target, real);
      if (backward) {
        Gradients::Overlap overlap(gradients_, parts_.model.parameters());
        bool const last = ends_update() && !backpropagates_after(batch.step);
        tape.backward(exec_, s, loss.seed(exec_, state_.global_batch, 1.0 / parts_.config.trainer.grad_accum_every),
                      last ? &overlap : nullptr);
      }
      auto const mine = s.value().to_host(exec_); // only now: the backward pass was queued without waiting for it
      std::transform(sums.begin(), sums.end(), mine.begin(), sums.begin(), std::plus<>());
      if (!suspect && !std::all_of(mine.begin(), mine.end(), [](double v) { return std::isfinite(v); }))
        suspect = Suspect{rollout.input(), target, batch.initial_times};
    }
    if (batch.last_step)
      break;
    if (!training && asked_to_stop()) { // a validation can be long, and nothing of it is kept
      Outcome outcome;
      outcome.interrupted = true;
      return outcome;
    }
    auto following = source.next();
    ROSSBY_EXPECT(following && following->step == batch.step + 1);
    batch = std::move(*following);
  }
  sums.push_back(parts_.stop && parts_.stop() ? 1 : 0);
  parts_.mesh.world.all_reduce_sum(sums.data(), sums.size());
  Outcome outcome;
  outcome.interrupted = sums.back() > 0;
  sums.pop_back();
  outcome.loss = loss.value(sums, global);
  if (!std::isfinite(outcome.loss.total))
    refuse_non_finite(pass, outcome.loss.total,
                      suspect.value_or(Suspect{rollout.input(), target, batch.initial_times}));
  Context context;
  context.exec = exec_;
  Array const truth = judged && loss.physical() ? target : rollout.truth(exec_, batch, true, with_added);
  outcome.metrics = metrics_.compute(exec_, scored(context, rollout.physical(context)).value(), truth, {real, global},
                                     parts_.mesh.spatial, parts_.mesh.data);
  return outcome;
}

void Trainer::update()
{
  auto const& config = parts_.config.trainer;
  auto& parameters = parts_.model.parameters();
  gradients_.collect(exec_, parameters);
  // Every sample has counted as one of grad_accum_every whole batches; there may have been fewer. Exactly 1 otherwise.
  double const whole = static_cast<double>(state_.global_batch) * config.grad_accum_every,
               held = static_cast<double>(accumulated_samples_), scale = whole / held, loss = accumulated_loss_ / held;
  double const norm = scale * gradients_.norm(exec_), rate = schedule_->rate();
  if (!std::isfinite(norm))
    fail(position(),
         fmt::format("the loss is {:.6g}, but the gradient of {} is not finite", loss,
                     parameters[gradients_.first_non_finite(exec_)].spec.name),
         "lower trainer.learning_rate or set trainer.grad_max_norm; the last checkpoint is as it was");
  optimizer_.step(exec_, parameters, gradients_, rate, scale * config.clip.coefficient(norm));
  if (averages_)
    averages_->update(exec_, parameters);
  ++state_.update;
  losses_.push_back(loss);
  if (steps_log_.is_open()) {
    steps_log_ << fmt::format("{},{},{},{},{},{}\n", state_.update, state_.epoch, state_.batch, losses_.back(), norm,
                              rate)
               << std::flush;
    if (!steps_log_)
      logging::warning_once(parts_.folder.steps_log() + ": can't be written; training goes on without it");
  }
  accumulated_batches_ = 0;
  accumulated_samples_ = 0;
  accumulated_loss_ = 0;
}

TrainedBatch Trainer::train_batch(BatchStep first)
{
  index_t const samples = first.indices.global;
  auto const outcome = roll_out(Pass::training, parts_.training, std::move(first));
  TrainedBatch trained{outcome.loss.total, ends_update(), outcome.interrupted};
  training_means_.add(outcome.loss, outcome.metrics, samples);
  accumulated_loss_ += outcome.loss.total * static_cast<double>(samples);
  accumulated_samples_ += samples;
  ++accumulated_batches_;
  ++state_.batch;
  if (trained.updated)
    update();
  schedule_->after_batch();
  return trained;
}

} // namespace rossby
