#pragma once
/// \file
/// Learning rates over time, as CREDIT and PyTorch define them.

#include <memory>
#include <string>
#include <vector>

namespace rossby {

/// trainer.scheduler. Each kind uses its own part.
struct ScheduleConfig {
  enum class Kind { constant, plateau, cosine_annealing, cosine_annealing_restarts, linear_warmup_cosine, lambda };
  Kind kind = Kind::constant;

  // plateau (each epoch, on the training metric)
  double factor = 0.1, threshold = 1e-4, min_lr = 0, eps = 1e-8;
  int patience = 10, cooldown = 0;
  bool minimize = true, relative_threshold = true;
  // cosine-annealing (each epoch)
  double t_max = 1, eta_min = 0;
  // cosine-annealing-restarts (each batch)
  double first_cycle_steps = 1, cycle_mult = 1, max_lr = 0.1, gamma = 1;
  double warmup_steps = 0; ///< also linear-warmup-cosine, whose default is 1000
  // linear-warmup-cosine (each batch); its `min_lr` above defaults to 1e-5
  double total_steps = 500000;

  /// As in decks: "cosine-annealing". Fails naming `where`.
  static Kind parse_kind(std::string const& text, std::string const& where);
};

/// A learning rate with a memory.
class Schedule {
public:
  virtual ~Schedule() = default;
  /// Of the next optimizer step.
  virtual double rate() const = 0;
  /// After every micro-batch, also under accumulation.
  virtual void after_batch() {}
  /// After validation, with the training metric's value.
  virtual void after_epoch(double /*metric*/) {}
  /// Numbers that restore() needs to go on exactly.
  virtual std::vector<double> state() const = 0;
  virtual void restore(std::vector<double> const&) = 0;
};

std::unique_ptr<Schedule> make_schedule(ScheduleConfig const&, double base_rate);

} // namespace rossby
