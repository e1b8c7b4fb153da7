#include "optim/schedule.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace rossby {

namespace {
double const pi = std::acos(-1.0);
/// From 1 at progress 0 to 0 at progress 1.
double cosine(double progress) { return 0.5 * (1 + std::cos(pi * progress)); }

/// Schedules that are a formula of how often they were stepped.
class Counted : public Schedule {
public:
  Counted(ScheduleConfig const& c, double base) : config(c), base_rate(base) {}
  std::vector<double> state() const override { return {count}; }
  void restore(std::vector<double> const& s) override { count = s.at(0); }

protected:
  ScheduleConfig config;
  double base_rate, count = 0;
};

class Constant final : public Counted {
public:
  using Counted::Counted;
  double rate() const override { return base_rate; }
};

class CosineAnnealing final : public Counted {
public:
  using Counted::Counted;
  double rate() const override { return config.eta_min + (base_rate - config.eta_min) * cosine(count / config.t_max); }
  void after_epoch(double) override { ++count; }
};

class LinearWarmupCosine final : public Counted {
public:
  using Counted::Counted;
  double rate() const override
  {
    if (count < config.warmup_steps)
      return base_rate * count / std::max(1.0, config.warmup_steps);
    double const length = std::max(1.0, config.total_steps - config.warmup_steps);
    return config.min_lr + (base_rate - config.min_lr) * cosine(std::min(1.0, (count - config.warmup_steps) / length));
  }
  void after_batch() override { ++count; }
};

/// CREDIT steps this one at the start of an epoch and again at its end: epoch E trains at f(2E + 1).
class Lambda final : public Counted {
public:
  using Counted::Counted;
  double rate() const override
  {
    double const e = 2 * count + 1;
    return base_rate * (e < 10 ? e / 10 : cosine((e - 10) / 90));
  }
  void after_epoch(double) override { ++count; }
};

/// Cosine decay from a peak to `min_lr` after a linear warm-up, again and again; the peak falls by gamma and the decay
/// lasts cycle_mult times longer each time. The base rate plays no part.
class CosineRestarts final : public Schedule {
public:
  explicit CosineRestarts(ScheduleConfig const& c) : config_(c), length_(c.first_cycle_steps) {}
  double rate() const override
  {
    double const low = config_.min_lr, high = config_.max_lr * std::pow(config_.gamma, cycle_),
                 warm = config_.warmup_steps;
    if (position_ < warm)
      return low + (high - low) * position_ / warm;
    return low + (high - low) * cosine((position_ - warm) / (length_ - warm));
  }
  void after_batch() override
  {
    if (++position_ < length_)
      return;
    ++cycle_;
    position_ -= length_;
    length_ = std::floor((length_ - config_.warmup_steps) * config_.cycle_mult) + config_.warmup_steps;
  }
  std::vector<double> state() const override { return {position_, length_, cycle_}; }
  void restore(std::vector<double> const& s) override { position_ = s.at(0), length_ = s.at(1), cycle_ = s.at(2); }

private:
  ScheduleConfig config_;
  double position_ = 0, length_, cycle_ = 0;
};

/// PyTorch's ReduceLROnPlateau.
class Plateau final : public Schedule {
public:
  Plateau(ScheduleConfig const& c, double base)
      : config_(c), rate_(base),
        best_(c.minimize ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity())
  {
  }
  double rate() const override { return rate_; }
  void after_epoch(double metric) override
  {
    if (better(metric)) {
      best_ = metric;
      bad_epochs_ = 0;
    } else {
      ++bad_epochs_;
    }
    if (cooldown_left_ > 0) {
      --cooldown_left_;
      bad_epochs_ = 0;
    }
    if (bad_epochs_ <= config_.patience)
      return;
    double const reduced = std::max(rate_ * config_.factor, config_.min_lr);
    if (rate_ - reduced > config_.eps)
      rate_ = reduced;
    cooldown_left_ = config_.cooldown;
    bad_epochs_ = 0;
  }
  std::vector<double> state() const override { return {rate_, best_, bad_epochs_, cooldown_left_}; }
  void restore(std::vector<double> const& s) override
  {
    rate_ = s.at(0), best_ = s.at(1), bad_epochs_ = s.at(2), cooldown_left_ = s.at(3);
  }

private:
  bool better(double metric) const
  {
    if (std::isinf(best_))
      return !std::isnan(metric);
    double const margin = config_.relative_threshold ? config_.threshold * best_ : config_.threshold;
    return config_.minimize ? metric < best_ - margin : metric > best_ + margin;
  }

  ScheduleConfig config_;
  double rate_, best_, bad_epochs_ = 0, cooldown_left_ = 0;
};
} // namespace

ScheduleConfig::Kind ScheduleConfig::parse_kind(std::string const& text, std::string const& where)
{
  static std::map<std::string, Kind> const kinds{{"plateau", Kind::plateau},
                                                 {"cosine-annealing", Kind::cosine_annealing},
                                                 {"cosine-annealing-restarts", Kind::cosine_annealing_restarts},
                                                 {"linear-warmup-cosine", Kind::linear_warmup_cosine},
                                                 {"lambda", Kind::lambda}};
  auto const found = kinds.find(text);
  if (found == kinds.end())
    fail(where, "'" + text + "' is not a schedule",
         "use plateau, cosine-annealing, cosine-annealing-restarts, linear-warmup-cosine or lambda");
  return found->second;
}

std::unique_ptr<Schedule> make_schedule(ScheduleConfig const& config, double base_rate)
{
  using Kind = ScheduleConfig::Kind;
  switch (config.kind) {
  case Kind::plateau:
    return std::make_unique<Plateau>(config, base_rate);
  case Kind::cosine_annealing:
    return std::make_unique<CosineAnnealing>(config, base_rate);
  case Kind::cosine_annealing_restarts:
    return std::make_unique<CosineRestarts>(config);
  case Kind::linear_warmup_cosine:
    return std::make_unique<LinearWarmupCosine>(config, base_rate);
  case Kind::lambda:
    return std::make_unique<Lambda>(config, base_rate);
  case Kind::constant:
    break;
  }
  return std::make_unique<Constant>(config, base_rate);
}

} // namespace rossby
