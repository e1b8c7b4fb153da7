#pragma once
/// \file
/// The training loop.

#include "train/batch_source.hpp"
#include "train/checkpoint.hpp"
#include "train/run_folder.hpp"
#include "train/training_log.hpp"
#include <rossby/models/model.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/rollout.hpp>
#include <rossby/train.hpp>

#include <fstream>

namespace rossby {

class ProgressFile;

/// Everything that a loop works on; owned by the caller.
struct TrainerParts {
  RunConfig const& config;
  DataPlan const& plan; ///< of the training data
  Mesh const& mesh;
  Model& model; ///< with parameters allocated
  RunFolder const& folder;
  BatchSource& training;
  BatchSource* validation; ///< null: none
  RunDescription about;
  std::function<bool()> stop{}; ///< see TrainOptions
};

/// The loop of CREDIT's second generation. A sample is a rollout of forecast_len steps; the state is detached between
/// them and their losses are summed. Losses, metrics and gradients are those of the global batch.
class Trainer {
public:
  explicit Trainer(TrainerParts);

  /// Takes the weights of a file, and nothing else of it.
  void start_from(std::string const& weights);
  /// What is taken of a checkpoint beside its weights.
  struct Taken {
    CheckpointParts parts{};
    bool schedule = true;
    bool position = true;    ///< epoch, batch, sums and logs: the run goes on bit for bit
    bool other_seed = false; ///< the deck's may be another
  };
  /// Continues from a checkpoint: exactly, unless told otherwise.
  void restore(std::string const& checkpoint, Taken const&);
  void restore(std::string const& checkpoint) { restore(checkpoint, {}); }
  /// Goes on with the run in the folder from the newest checkpoint that is sound, and sets right what a kill has left
  /// undone: rows of the log, the best checkpoint, that of the last epoch, temporary files. A run that was stopped
  /// before its first checkpoint begins anew. \throws Error where there has been no run, where checkpoints are gone or
  /// damaged, and, unless `allow_changes`, for settings that differ from the run's, by name.
  void resume(bool allow_changes);
  /// Goes on with a run of CREDIT from the end of its last epoch: weights, moments, averages, schedule and, where
  /// `training_log` (its text) covers those epochs, its log. `best`, unless empty, becomes the best checkpoint.
  void take_over(std::string const& credit_checkpoint, std::string const& best, std::string const& training_log);
  TrainResult run();

  /// Trains one batch, all its rollout steps, of which the first is given and the others come from the training source.
  TrainedBatch train_batch(BatchStep first);
  /// Writes a checkpoint of where training is.
  void save(std::string const& file);
  TrainingState const& state() const { return state_; }
  /// Loss of each optimizer step of this job (the mean over its samples), for tests and reports.
  std::vector<double> const& losses() const { return losses_; }

private:
  void go_on(TrainingState);
  void restore_schedule(std::vector<double> state);
  enum class Pass { training, validation };
  /// What a whole rollout gave: loss sums by channel over all ranks, metrics of its last step.
  struct Outcome {
    Loss::Value loss;
    Metrics::Values metrics;
    bool interrupted = false; ///< some rank was asked to stop
  };
  Outcome roll_out(Pass, BatchSource&, BatchStep first);
  /// The channels that losses and metrics are taken over.
  Var scored(Context&, Var const& physical) const;
  bool backpropagates(int step) const;
  bool backpropagates_after(int step) const;
  /// The rollout under way is the last before an optimizer step.
  bool ends_update() const;
  /// Trains what is left of the epoch; false when the run was interrupted.
  bool train_epoch();
  void update();
  /// Some rank was asked to stop. Collective.
  bool asked_to_stop() const;
  /// False when the run was interrupted.
  bool validate();
  void finish_epoch();
  /// What follows the checkpoint of an epoch's end; doing it again does no harm.
  enum class KeepBest { this_one, as_it_is }; ///< where this epoch's is the best
  void keep_epoch(KeepBest = KeepBest::this_one);
  void take(std::string const& checkpoint, bool allow_changes);
  std::int64_t best_epoch() const;
  /// The training metric has not become better for stopping_patience epochs.
  bool out_of_patience() const;
  void save();
  std::string position() const;
  /// One step of a rollout that went wrong.
  struct Suspect {
    Array input, target;
    std::vector<Time> initial_times;
  };
  [[noreturn]] void refuse_non_finite(Pass, double loss, Suspect const&);
  /// What a person or `rossby status` may look at while the run goes on.
  void open_records();

  TrainerParts parts_;
  Exec exec_;
  Rollout rollout_;
  Loss training_loss_, validation_loss_;
  Metrics metrics_;
  Gradients gradients_;
  AdamW optimizer_;
  std::unique_ptr<Ema> averages_;
  std::unique_ptr<Schedule> schedule_;
  TrainingState state_;
  EpochMeans training_means_, validation_means_;
  TrainingLog log_;
  std::vector<double> losses_;
  // Of the micro-batches since the last optimizer step.
  double accumulated_loss_ = 0; ///< sum over samples
  index_t accumulated_samples_ = 0;
  int accumulated_batches_ = 0;
  std::ofstream steps_log_; ///< rank 0: a row for each optimizer step
  std::shared_ptr<ProgressFile> progress_;
};

/// What checkpoints of a training session say about it.
RunDescription description_of(Session const&);

} // namespace rossby
