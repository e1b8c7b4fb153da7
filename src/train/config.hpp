#pragma once
/// \file
/// The blocks `trainer`, `loss`, `metrics` and `inference` of a deck, and the deck as a whole. Names and defaults are
/// CREDIT's; keys that are Rossby's own say so.

#include "data/config.hpp"
#include "ops/error_kind.hpp"
#include "optim/adamw.hpp"
#include "optim/schedule.hpp"
#include <rossby/core/deck.hpp>
#include <rossby/core/dtype.hpp>
#include <rossby/models/precision.hpp>
#include <rossby/models/spec.hpp>
#include <rossby/parallel/config.hpp>
#include <rossby/params/gradients.hpp>

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

struct TrainerConfig {
  ParallelismConfig parallelism;
  bool activation_checkpoint = false;
  Precision precision; ///< from `dtype` (Rossby's own: float32 or float64), `amp` and `fsdp2_mp_policy`

  double learning_rate = 0;
  AdamWConfig adamw; ///< weight_decay; `adam_betas`, `adam_eps` are Rossby's own
  ClipConfig clip;   ///< grad_max_norm: 0 means no bound
  ScheduleConfig schedule;
  bool use_ema = false;
  double ema_decay = 0.9999;

  int train_batch_size = 1, valid_batch_size = 1; ///< per data-parallel rank
  int grad_accum_every = 1;
  std::vector<int> backprop_on_timestep; ///< overrides the data block's where given; 1-based; empty: all

  /// Epochs run from `start_epoch` until `epochs`, at most `num_epoch` of them in one job.
  int epochs = 1, start_epoch = 0, num_epoch = std::numeric_limits<int>::max();
  int batches_per_epoch = 0, valid_batches_per_epoch = 0; ///< 0: all
  int stopping_patience = 100;                            ///< epochs without a better training_metric
  bool stop_after_epoch = false;                          ///< end the job after one epoch

  bool load_weights = false, load_optimizer = false, load_scheduler = false;
  bool reload_epoch = false, update_learning_rate = false;
  bool save_backup_weights = true, save_best_weights = true, save_every_epoch = false;
  int save_every_steps = 0; ///< Rossby's own: a checkpoint every N optimizer steps; 0: at the end of epochs only

  bool skip_validation = false;
  std::string training_metric = "valid_loss"; ///< decides what is best; a column of training_log.csv
  bool minimize_metric = true;                ///< training_metric_direction
  /// Per-variable columns of the log: all of them, or those named (keys or prefixes).
  bool save_all_metric_vars = true;
  std::vector<std::string> save_metric_vars;

  int thread_workers = 4, valid_thread_workers = 4, prefetch_factor = 2;

  /// `node` is trainer. `needs_training`: learning rate and batch sizes are required.
  static TrainerConfig read(DeckNode const& node, Problems&, bool needs_training = true);
};

/// An elementwise loss with its setting.
struct ElementLoss {
  using Kind = ops::ErrorKind;
  Kind kind = Kind::mse;
  double delta = 1; ///< of huber
  bool operator==(ElementLoss const& o) const { return kind == o.kind && delta == o.delta; }
};

struct LossConfig {
  enum class Form {
    flat, ///< on normalised values: mean over channels of weighted means
    base  ///< `type: base`, in physical units: mean over variables of w_v * mean of variable v
  } form = Form::flat;
  ElementLoss training, validation; ///< flat: validation is mae where the deck is silent; base: as training

  bool use_latitude_weights = false;
  std::string latitude_weights; ///< a netCDF file with `latitude`; empty: the data's own latitudes

  // flat form
  bool use_variable_weights = false;
  bool use_power_loss = false, use_spectral_loss = false; ///< terms that compare spectra, in training
  double spectral_lambda = 0.1;                           ///< their weight: `spectral_lambda_reg`
  int wavenum_init = 20;                                  ///< the first wavenumber that counts
  // both: in deck order. base: one number for each key; flat: one for each level, or one for all levels.
  std::vector<std::pair<std::string, std::vector<double>>> variable_weights;

  // base form
  enum class Weighting { none, manual, inverse_variance } weighting = Weighting::inverse_variance;
  std::vector<std::pair<std::string, ElementLoss>> overrides; ///< by variable key; validation uses them too
  std::string scaler_path;                                    ///< for inverse_variance
  bool normalize_weights = true;                              ///< to mean 1
  bool include_computed_diagnostics = true;                   ///< scores what postblocks add; metrics then do, too

  static LossConfig read(DeckNode const& node, Problems&);
};

enum class MetricKind { rmse, mse, mae, bias, r2score, log_variance_ratio, acc, activity };
/// As in decks and in the columns of the log.
std::string name_of(MetricKind);
/// True for scores of deviations from a climatology.
bool of_anomalies(MetricKind);

struct MetricsConfig {
  struct Metric {
    MetricKind kind = MetricKind::rmse;
    std::string climatology_path{}; ///< acc and activity; empty: no climatology is subtracted
    double eps = 1e-12;             ///< log_variance_ratio: added to variances
  };
  std::vector<Metric> metrics{{MetricKind::rmse}, {MetricKind::r2score}, {MetricKind::bias}};
  LossConfig::Weighting weighting = LossConfig::Weighting::none;
  std::string scaler_path;
  std::vector<std::pair<std::string, double>> variable_weights;
  bool normalize_weights = true, use_latitude_weights = false;
  std::string latitude_weights;

  static constexpr char const* climatology_key = "metrics.args.metrics.acc.climatology_path";
  /// The file that acc and activity take anomalies about, or nothing.
  std::optional<std::string> climatology() const;
  static MetricsConfig read(DeckNode const& node, Problems&);
};

/// How one variable is stored.
struct EncodingConfig {
  DType dtype = DType::float32;
  bool zlib = false, shuffle = true, fletcher32 = false; ///< shuffle counts with zlib only
  int complevel = 4;
  std::vector<index_t> chunksizes; ///< empty: the library's choice
};

struct OutputConfig {
  Duration output_interval = 0; ///< 0: every step
  enum class Group { step, day, month, year, full } group_by = Group::step;
  struct Variable {
    std::string name;                          ///< key or short name
    std::optional<std::vector<double>> levels; ///< nothing: all
  };
  std::vector<Variable> variables; ///< empty: all
  std::string metadata;            ///< YAML with attributes by variable; empty: none
  EncodingConfig encoding;         ///< of variables without their own
  std::vector<std::pair<std::string, EncodingConfig>> encodings;
  bool zarr = false; ///< stores instead of netCDF files

  EncodingConfig const& encoding_of(std::string const& key, std::string const& short_name) const;
};

struct InferenceConfig {
  std::string save_forecast;
  bool single = false; ///< run_mode: single
  Duration forecast_length = 0;
  Time first_init = 0, last_init = 0; ///< equal in single mode
  Duration init_interval = 0;
  Calendar calendar = Calendar::standard; ///< of these times: that of the data
  std::vector<Time> init_times;           ///< `batch_forecast.init_times`, Rossby's own, in place of the three above
  /// Rossby's own key `weights`: `ema` (default where the checkpoint has averages: what validation judged) or `raw`.
  enum class Weights { automatic, ema, raw } weights = Weights::automatic;
  OutputConfig output;

  std::vector<Time> initial_times() const;
  /// `node` is inference.
  static InferenceConfig read(DeckNode const& node, Calendar, Problems&);
};

enum class Purpose; // rossby/session.hpp

/// A deck, typed. Blocks that a command has no use for keep their defaults.
struct RunConfig {
  std::string save_loc;
  int seed = 42;
  std::shared_ptr<Spec const> model; ///< null when its type is not known
  DataConfig data, validation_data;
  TrainerConfig trainer;
  LossConfig loss;
  MetricsConfig metrics;
  std::optional<InferenceConfig> inference;

  /// Reads all blocks but `preblocks` and `postblocks` (see Transforms), warns of blocks without effect and refuses
  /// those that can't be honoured. Unread keys are left to Deck::check_all_read.
  static RunConfig read(Deck const&, Purpose, Problems&);
};

} // namespace rossby
