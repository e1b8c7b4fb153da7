// A run of CREDIT goes on: weights, moments and averages are arrays like those of a checkpoint of ours (credit_source
// knows where), and a few numbers say where the run is. CREDIT saves at the ends of epochs only, so there is nothing of
// an epoch under way.
#include "train/credit_run.hpp"

#include "credit_keys.hpp"
#include "credit_schedule.hpp"
#include "credit_source.hpp"
#include "run_arrays.hpp"

#include "train/weights.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace rossby {

namespace fs = std::filesystem;
using io::PickledValue;

std::string find_credit_checkpoint(std::string const& folder)
{
  for (char const* name : {"model_checkpoint.pt", "checkpoint.pt"})
    if (fs::is_regular_file(fs::path(folder) / name))
      return (fs::path(folder) / name).string();
  fail(folder, "holds no run of CREDIT: neither model_checkpoint.pt nor checkpoint.pt is there",
       "name the folder that is the run's save_loc");
}

namespace {
double number_of(PickledValue const& dict, char const* key)
{
  auto const value = dict.find(key);
  return value ? value->number().value_or(0) : 0;
}

std::vector<double> numbers_of(PickledValue const& dict, char const* key)
{
  std::vector<double> result;
  if (auto const list = dict.find(key))
    for (auto const& item : list->items())
      result.push_back(item.number().value_or(0));
  return result;
}

std::string text_of(PickledValue const& dict, std::string const& key)
{
  auto const value = dict.find(key);
  return value && value->text() ? *value->text() : std::string();
}

/// What write_credit_checkpoint() has added.
TrainingState own_state(PickledValue const& own)
{
  auto const count = [&](char const* key) { return static_cast<std::int64_t>(number_of(own, key)); };
  TrainingState state;
  state.epoch = count("epoch");
  state.batch = count("batch");
  state.update = count("update");
  state.forward = count("forward");
  state.seed = count("seed");
  state.global_batch = count("global_batch");
  state.schedule = numbers_of(own, "schedule");
  state.sums = numbers_of(own, "sums");
  state.history = numbers_of(own, "history");
  state.loss_scaler = numbers_of(own, "loss_scaler");
  state.log = text_of(own, "log");
  return state;
}

void compare(std::string const& file, char const* name, double theirs, double ours)
{
  if (theirs != ours)
    logging::warning(
        fmt::format("{}: its optimizer has {} {:g}, the deck has {:g}: the deck counts", file, name, theirs, ours));
}

TrainingState state_of(CreditSource const& source, Parameters const& parameters, PartReader const& reader,
                       TrainerConfig const& config)
{
  auto const& file = source.path();
  if (!source.epoch())
    fail(file, "does not say which epoch it is of", "start from its weights alone, with --weights");
  TrainingState state;
  state.epoch = *source.epoch() + 1;
  for (int i = 0; i < parameters.size(); ++i)
    if (auto const step = "/optimizer/" + reader.name_in_file(i) + "/step"; source.exists(step))
      state.update = std::max(state.update, static_cast<std::int64_t>(source.number(step)));
  state.forward = state.update * config.grad_accum_every;

  auto const& optimizer = source.optimizer();
  double const rate = optimizer ? optimizer->rate : config.learning_rate;
  if (optimizer) {
    compare(file, "beta1", optimizer->beta1, config.adamw.beta1);
    compare(file, "beta2", optimizer->beta2, config.adamw.beta2);
    compare(file, "eps", optimizer->epsilon, config.adamw.epsilon);
    compare(file, "weight_decay", optimizer->weight_decay, config.adamw.weight_decay);
  } else {
    logging::warning(file + ": holds no state of an optimizer: AdamW starts anew");
  }
  auto const schedule = make_schedule(config.schedule, config.learning_rate);
  if (auto const saved = source.schedule())
    schedule->restore(schedule_from_credit(config.schedule, *saved, rate, file));
  else if (config.schedule.kind != ScheduleConfig::Kind::constant)
    logging::warning(file + ": holds no state of a scheduler: the deck's starts anew");
  // (CREDIT's lambda is stepped again before the next epoch.)
  if (config.schedule.kind != ScheduleConfig::Kind::lambda && std::abs(schedule->rate() - rate) > 1e-9 * rate)
    logging::warning(fmt::format("{}: the learning rate was {:g} and goes on as {:g}, as the deck has it", file, rate,
                                 schedule->rate()));
  state.schedule = schedule->state();
  if (auto const scaler = source.loss_scaler(); scaler && !scaler->entries().empty())
    for (char const* key : loss_scaler_keys)
      state.loss_scaler.push_back(number_of(*scaler, key));
  return state;
}
} // namespace

TrainingState read_credit_run(std::string const& file, Exec const& exec, Parameters& parameters, AdamW& optimizer,
                              Ema* averages, TrainerConfig const& config)
{
  TrainingState state;
  auto const open = [&] { return std::make_unique<CreditSource>(file, Extent::run); };
  read_parts(exec, parameters, open, [&](PartReader& reader, CreditSource const& source) {
    reader.read_weights("/model");
    read_moments(reader, source, exec, parameters, optimizer);
    if (averages) {
      read_averages(reader, source, exec, parameters, *averages);
      reader.when_sound([averages, steps = source.ema_steps()] { averages->set_steps(steps); });
      if (source.exists("/ema") && source.ema_decay() != averages->decay())
        logging::warning(fmt::format("{}: its averages have ema_decay {:g}, the deck has {:g}: the deck counts", file,
                                     source.ema_decay(), averages->decay()));
      if (!source.exists("/ema"))
        logging::warning(file + ": holds no averages: they begin as the weights");
    }
    auto const own = source.own_part();
    state = own ? own_state(*own) : state_of(source, parameters, reader, config);
  });
  return state;
}

std::string text_in_checkpoint(std::string const& file, std::string const& which)
{
  if (is_hdf5(file)) {
    Hdf5Source const source(file);
    return source.exists("/" + which) ? read_text_verified(source.file(), "/" + which) : std::string();
  }
  io::TensorFile const in(file);
  auto const own = in.root().find("rossby");
  return own ? text_of(*own, which) : std::string();
}

} // namespace rossby
