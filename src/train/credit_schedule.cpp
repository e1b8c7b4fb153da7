// Kinds are told by the keys that only they have. Counts and what a schedule remembers come from the file; what a deck
// can say (lengths of cycles, peaks, floors) stays the deck's, and is compared.
#include "credit_schedule.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

namespace rossby {

namespace {
using io::PickledValue;
using Kind = ScheduleConfig::Kind;

struct KnownKind {
  Kind kind;
  char const *name, *own_key;
};
KnownKind const known_kinds[] = {{Kind::plateau, "plateau", "num_bad_epochs"},
                                 {Kind::cosine_annealing_restarts, "cosine-annealing-restarts", "first_cycle_steps"},
                                 {Kind::linear_warmup_cosine, "linear-warmup-cosine", "total_steps"},
                                 {Kind::lambda, "lambda", "lr_lambdas"},
                                 {Kind::cosine_annealing, "cosine-annealing", "T_max"}};

std::string name_of(Kind kind)
{
  for (auto const& k : known_kinds)
    if (k.kind == kind)
      return k.name;
  return "a constant rate";
}

class StateDict {
public:
  StateDict(PickledValue dict, std::string const& where) : dict_(dict), where_(where) {}
  double number(char const* key) const
  {
    auto const value = dict_.find(key);
    auto const number = value ? value->number() : std::nullopt;
    if (!number)
      fail(where_, fmt::format("its scheduler's state lacks the number '{}'", key));
    return *number;
  }
  void compare(char const* key, double ours) const
  {
    if (auto const value = dict_.find(key); value && value->number() && *value->number() != ours)
      logging::warning(fmt::format("{}: its scheduler has {} {:g}, the deck has {:g}: the deck counts", where_, key,
                                   *value->number(), ours));
  }

private:
  PickledValue dict_;
  std::string const& where_;
};

/// Steps before this place in the cycles of cosine-annealing-restarts.
double steps_so_far(ScheduleConfig const& c, double position, double cycles)
{
  double length = c.first_cycle_steps, steps = position;
  for (double k = 0; k < cycles; ++k) {
    steps += length;
    length = std::floor((length - c.warmup_steps) * c.cycle_mult) + c.warmup_steps;
  }
  return steps;
}

class Dict {
public:
  explicit Dict(io::TorchWriter& out) : out_(out) { out_.begin_dict(); }
  ~Dict() { out_.end_dict(); }
  /// Whole numbers become integers, as in decks.
  void number(char const* key, double value)
  {
    out_.text(key);
    value == std::floor(value) && std::abs(value) < 1e15 ? out_.integer(static_cast<std::int64_t>(value))
                                                         : out_.real(value);
  }
  void real(char const* key, double value)
  {
    out_.text(key);
    out_.real(value);
  }
  void list(char const* key, double value)
  {
    out_.text(key);
    out_.begin_list();
    out_.real(value);
    out_.end_list();
  }
  void text(char const* key, char const* value)
  {
    out_.text(key);
    out_.text(value);
  }
  void no(char const* key)
  {
    out_.text(key);
    out_.boolean(false);
  }
  void none_in_list(char const* key)
  {
    out_.text(key);
    out_.begin_list();
    out_.none();
    out_.end_list();
  }

private:
  io::TorchWriter& out_;
};
} // namespace

std::vector<double> schedule_from_credit(ScheduleConfig const& config, PickledValue const& state_dict, double rate,
                                         std::string const& where)
{
  if (config.kind == Kind::constant) {
    logging::warning(fmt::format("{}: its scheduler's state is left out: the deck's learning rate is constant", where));
    return {0};
  }
  for (auto const& k : known_kinds)
    if (k.kind != config.kind && state_dict.find(k.own_key))
      fail(where, fmt::format("its scheduler is {}, the deck's is {}", k.name, name_of(config.kind)),
           "use the deck of that run (model.yml)");
  StateDict const s(state_dict, where);
  switch (config.kind) {
  case Kind::plateau:
    s.compare("factor", config.factor);
    s.compare("patience", config.patience);
    s.compare("cooldown", config.cooldown);
    return {rate, s.number("best"), s.number("num_bad_epochs"), s.number("cooldown_counter")};
  case Kind::cosine_annealing_restarts:
    s.compare("first_cycle_steps", config.first_cycle_steps);
    s.compare("cycle_mult", config.cycle_mult);
    s.compare("base_max_lr", config.max_lr);
    s.compare("min_lr", config.min_lr);
    s.compare("warmup_steps", config.warmup_steps);
    s.compare("gamma", config.gamma);
    return {s.number("step_in_cycle"), s.number("cur_cycle_steps"), s.number("cycle")};
  case Kind::linear_warmup_cosine:
    s.compare("warmup_steps", config.warmup_steps);
    s.compare("total_steps", config.total_steps);
    s.compare("min_lr", config.min_lr);
    break;
  case Kind::cosine_annealing:
    s.compare("T_max", config.t_max);
    s.compare("eta_min", config.eta_min);
    break;
  case Kind::lambda: // CREDIT steps it twice an epoch, and may save between the two
    return {std::floor((s.number("last_epoch") + 1) / 2)};
  case Kind::constant:
    break;
  }
  return {s.number("last_epoch")};
}

void write_credit_schedule(io::TorchWriter& out, ScheduleConfig const& config, double base_rate,
                           std::vector<double> const& state, std::int64_t epochs)
{
  if (config.kind == Kind::constant) {
    out.none();
    return;
  }
  auto const schedule = make_schedule(config, base_rate);
  schedule->restore(state);
  double const rate = schedule->rate();
  Dict d(out);
  auto const counted = [&](double last_epoch) {
    d.list("base_lrs", base_rate);
    d.number("last_epoch", last_epoch);
    d.number("_step_count", last_epoch + 1);
    d.no("_is_initial");
    d.no("_get_lr_called_within_step");
    d.list("_last_lr", rate);
  };
  switch (config.kind) {
  case Kind::plateau:
    d.real("factor", config.factor);
    d.list("min_lrs", config.min_lr);
    d.number("patience", config.patience);
    d.number("cooldown", config.cooldown);
    d.number("cooldown_counter", state.at(3));
    d.text("mode", config.minimize ? "min" : "max");
    d.real("threshold", config.threshold);
    d.text("threshold_mode", config.relative_threshold ? "rel" : "abs");
    d.real("best", state.at(1));
    d.number("num_bad_epochs", state.at(2));
    d.real("mode_worse", (config.minimize ? 1 : -1) * std::numeric_limits<double>::infinity());
    d.real("eps", config.eps);
    d.number("last_epoch", static_cast<double>(epochs));
    d.list("_last_lr", rate);
    d.real("default_min_lr", config.min_lr);
    break;
  case Kind::cosine_annealing_restarts: {
    d.number("first_cycle_steps", config.first_cycle_steps);
    d.real("cycle_mult", config.cycle_mult);
    d.real("base_max_lr", config.max_lr);
    d.real("max_lr", config.max_lr * std::pow(config.gamma, state.at(2)));
    d.real("min_lr", config.min_lr);
    d.number("warmup_steps", config.warmup_steps);
    d.real("gamma", config.gamma);
    d.number("cur_cycle_steps", state.at(1));
    d.number("cycle", state.at(2));
    d.number("step_in_cycle", state.at(0));
    d.list("base_lrs", config.min_lr);
    d.number("last_epoch", steps_so_far(config, state.at(0), state.at(2)));
    d.number("_step_count", 0); // this class of CREDIT's does not count
    d.no("_is_initial");
    break;
  }
  case Kind::linear_warmup_cosine:
    d.number("warmup_steps", config.warmup_steps);
    d.number("total_steps", config.total_steps);
    d.real("min_lr", config.min_lr);
    counted(state.at(0));
    break;
  case Kind::cosine_annealing:
    d.number("T_max", config.t_max);
    d.real("eta_min", config.eta_min);
    counted(state.at(0));
    break;
  case Kind::lambda:
    counted(2 * state.at(0));
    d.none_in_list("lr_lambdas");
    break;
  case Kind::constant:
    break;
  }
}

} // namespace rossby
