#include "io/replace.hpp"
#include "train/credit_run.hpp"
#include "train/run_folder.hpp"
#include "train/trainer.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/train.hpp>

#include "run_settings.hpp"
#include "text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace rossby {

namespace {
std::unique_ptr<BatchSource> batches_of(Session& session, DataPlan const& plan, bool training)
{
  auto const samples = static_cast<index_t>(plan.config.initial_times().size());
  if (samples == 0)
    fail(plan.config.deck_key, "its dates hold no sample",
         "a sample needs history_len - 1 time steps before its initial time and forecast_len after it");
  auto const& trainer = session.config().trainer;
  auto const& mesh = session.mesh();
  // As many batches ahead as that many workers would prefetch, though one thread reads them.
  int const workers = training ? trainer.thread_workers : trainer.valid_thread_workers;
  int const depth = std::max(1, workers) * std::max(1, trainer.prefetch_factor);
  return loader_source(plan, session.model().input_tiling().box(mesh.spatial.rank()),
                       sampler_for(session.config(), mesh, samples, training), depth);
}

/// A later deck may not reorder channels.
void expect_same_channels(std::string const& file, ChannelSchema const& schema)
{
  if (std::filesystem::exists(file))
    schema.expect_same(text_of_file(file), file);
}

/// The deck and the channel order stay beside the checkpoints. The deck is that of the job that ran last; one with
/// other settings is kept under the number of the step that it went up to.
void keep_descriptions(RunFolder const& folder, Deck const& deck, ChannelSchema const& schema, std::int64_t update)
{
  if (!std::filesystem::exists(folder.channel_schema()))
    io::replace_text(folder.channel_schema(), schema.to_yaml());
  auto const before = text_of_file(folder.deck());
  if (before == deck.text())
    return;
  if (!before.empty() && update > 0 && settings_of(Deck::parse(before, folder.deck())) != settings_of(deck))
    io::keep_as(folder.deck(), folder.file(fmt::format("model_until_step_{}.yml", update)));
  io::replace_text(folder.deck(), deck.text());
}

/// A run of CREDIT's that goes on here: which file has its weights, and which folder the rest.
struct CreditRun {
  std::string checkpoint, folder, best; ///< no best: empty
};

CreditRun find_credit_run(std::string const& path)
{
  namespace fs = std::filesystem;
  if (!fs::exists(path))
    fail(path, "is not there", "name the folder that is the run's save_loc");
  CreditRun run;
  run.checkpoint = fs::is_directory(path) ? find_credit_checkpoint(path) : path;
  fs::path const file = fs::absolute(run.checkpoint);
  run.folder = file.parent_path().string();
  if (auto const best = file.parent_path() / ("best_" + file.filename().string()); fs::exists(best))
    run.best = best.string();
  return run;
}

/// Where CREDIT's run is, ours may go on; anywhere else must be without a run.
RunFolder::Entry entry_beside(CreditRun const& run, std::string const& save_loc)
{
  std::error_code code;
  if (!std::filesystem::equivalent(run.folder, save_loc, code) || code)
    return RunFolder::Entry::fresh;
  if (std::filesystem::exists(save_loc + "/checkpoint.h5"))
    fail(save_loc, "holds a run of Rossby already", "go on with --resume");
  return RunFolder::Entry::again;
}

void start_point(Trainer& trainer, RunFolder const& folder, TrainerConfig const& config, TrainOptions const& options,
                 std::optional<CreditRun> const& credit)
{
  if (credit) {
    trainer.take_over(credit->checkpoint, credit->best, text_of_file(credit->folder + "/training_log.csv"));
    logging::info("going on from " + credit->checkpoint);
    return;
  }
  if (options.resume) {
    trainer.resume(options.allow_changes);
  } else if (!options.weights.empty()) {
    trainer.start_from(options.weights);
    logging::info("weights from " + options.weights);
  } else if (config.load_weights) {
    trainer.restore(folder.checkpoint(),
                    {{config.load_optimizer, config.load_optimizer}, config.load_scheduler, false});
    logging::info("weights from " + folder.checkpoint());
  }
}
} // namespace

RunDescription description_of(Session const& session)
{
  RunDescription about{session.deck().text(), session.config().model->fingerprint(), session.plan().schema.to_yaml()};
  if (session.ranks().rank() == 0)
    about.settings = settings_of(session);
  return about;
}

std::unique_ptr<BatchSource> training_batches(Session& session) { return batches_of(session, session.plan(), true); }

struct BatchTrainer::Impl {
  Session& session;
  RunFolder folder;
  Trainer trainer;

  Impl(Session& s, BatchSource& batches, std::function<bool()> stop)
      : session(s), folder(s.config().save_loc, s.ranks(), RunFolder::Entry::again),
        trainer(
            {s.config(), s.plan(), s.mesh(), s.model(), folder, batches, nullptr, description_of(s), std::move(stop)})
  {
  }
  std::string or_folders(std::string const& file) const { return file.empty() ? folder.checkpoint() : file; }
};

BatchTrainer::BatchTrainer(Session& session, BatchSource& batches, std::function<bool()> stop)
{
  auto const scope = session.enter();
  impl_ = std::make_unique<Impl>(session, batches, std::move(stop));
}
BatchTrainer::~BatchTrainer() = default;
BatchTrainer::BatchTrainer(BatchTrainer&&) noexcept = default;
BatchTrainer& BatchTrainer::operator=(BatchTrainer&&) noexcept = default;

void BatchTrainer::load(std::string const& checkpoint)
{
  auto const scope = impl_->session.enter();
  impl_->trainer.restore(impl_->or_folders(checkpoint));
}

TrainedBatch BatchTrainer::train_batch(BatchStep first)
{
  auto const scope = impl_->session.enter();
  return impl_->trainer.train_batch(std::move(first));
}

void BatchTrainer::save(std::string const& checkpoint)
{
  auto const scope = impl_->session.enter();
  impl_->trainer.save(impl_->or_folders(checkpoint));
}

TrainResult train(Session& session, TrainOptions const& options)
{
  auto const scope = session.enter();
  auto const& ranks = session.ranks();
  auto const& plan = session.plan();
  RunConfig config = session.config();
  if (!session.validation() && config.trainer.training_metric.rfind("valid_", 0) == 0) {
    config.trainer.training_metric.replace(0, 6, "train_");
    logging::warning("without validation the best epoch is chosen by " + config.trainer.training_metric);
  }

  bool const again = options.resume || (config.trainer.load_weights && options.weights.empty());
  auto entry = again ? RunFolder::Entry::again : RunFolder::Entry::fresh;
  std::optional<CreditRun> credit;
  collectively(ranks, [&] {
    if (options.credit_run.empty())
      return;
    credit = find_credit_run(options.credit_run);
    entry = entry_beside(*credit, config.save_loc);
    expect_same_channels(credit->folder + "/channel_schema.yaml", plan.schema);
  });
  RunFolder const folder(config.save_loc, ranks, entry);
  on_first_rank(ranks, [&] { expect_same_channels(folder.channel_schema(), plan.schema); });

  Model& model = session.model();
  Mesh const& mesh = session.mesh();
  auto const training = training_batches(session);
  std::unique_ptr<BatchSource> validation;
  if (auto const* const data = session.validation())
    validation = batches_of(session, *data, false);
  logging::info(
      fmt::format("{:.3g} million parameters, {} x {} cells, {} batches of {} x {} samples an epoch on {} rank{}",
                  static_cast<double>(model.parameters().count_trainable()) * 1e-6, plan.grid.height(),
                  plan.grid.width(), training->batches(), mesh.data.size(), config.trainer.train_batch_size,
                  ranks.size(), ranks.size() == 1 ? "" : "s"));
  Trainer trainer(
      {config, plan, mesh, model, folder, *training, validation.get(), description_of(session), options.stop});
  start_point(trainer, folder, config.trainer, options, credit);
  on_first_rank(ranks, [&] { keep_descriptions(folder, session.deck(), plan.schema, trainer.state().update); });
  return trainer.run();
}

} // namespace rossby
