#pragma once
/// \file
/// Training: a whole run, or one batch after the other in a loop of the program's own.

#include <rossby/data/batch.hpp>
#include <rossby/session.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace rossby {

struct TrainOptions {
  bool resume = false;        ///< go on from the run folder's checkpoint, exactly
  bool allow_changes = false; ///< resume with other settings than the run's
  std::string weights;        ///< start from the weights of this file ("" for the deck's own way)
  /// Asked after every batch, on every rank; where one says yes all write a checkpoint and end. See InterruptGuard.
  std::function<bool()> stop{};
  std::string credit_run{}; ///< go on with the run of CREDIT in this folder, or file of such a run
};

struct TrainResult {
  std::int64_t epochs = 0;  ///< finished, those before a resume included
  std::int64_t updates = 0; ///< optimizer steps, likewise
  double best_metric = 0;   ///< of trainer.training_metric
  std::int64_t best_epoch = -1;
  enum class End { finished, stopped_early, job_limit, interrupted } end = End::finished;
  std::string best_checkpoint, checkpoint; ///< files
};

/// Trains as the session's deck says (Purpose::train). Collective.
TrainResult train(Session&, TrainOptions const&);

/// What training on one batch came to.
struct TrainedBatch {
  double loss;      ///< of the batch over all ranks
  bool updated;     ///< the optimizer made its step: gradients are collected over trainer.grad_accum_every batches
  bool interrupted; ///< some rank was asked to stop
};

/// Trains batch by batch what a session's deck describes, for a loop of the program's own. It refers to the session and
/// to the batches, and has the run folder (save_loc), where a run may be already, to itself. All calls are collective.
class BatchTrainer {
public:
  /// `stop` is asked after every batch, on every rank, as in TrainOptions.
  BatchTrainer(Session&, BatchSource& batches, std::function<bool()> stop = {});
  ~BatchTrainer();
  BatchTrainer(BatchTrainer&&) noexcept;
  BatchTrainer& operator=(BatchTrainer&&) noexcept;

  /// Goes on from a checkpoint, exactly; "": from that of the run folder.
  void load(std::string const& checkpoint = {});
  /// All rollout steps of a batch, of which the first is given and the others come from the batches: what train() does
  /// again and again.
  TrainedBatch train_batch(BatchStep first);
  /// Writes a checkpoint of where training is; "": that of the run folder.
  void save(std::string const& checkpoint = {});

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The deck's own training batches, of this rank's tile and samples. Collective.
std::unique_ptr<BatchSource> training_batches(Session&);

} // namespace rossby
