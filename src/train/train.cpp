#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/io/replace.hpp>
#include <rossby/parallel/plans.hpp>
#include <rossby/train/trainer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace rossby {

namespace {
Sampler sampler_of(DataPlan const& plan, RunConfig const& config, Mesh const& mesh, bool training)
{
  auto const samples = static_cast<index_t>(plan.config.initial_times().size());
  if (samples == 0)
    fail(plan.config.deck_key, "its dates hold no sample",
         "a sample needs history_len - 1 time steps before its initial time and forecast_len after it");
  return sampler_for(config, mesh, samples, training);
}

/// The deck and the channel order stay beside the checkpoints; a later deck may not reorder channels.
void keep_descriptions(RunFolder const& folder, Deck const& deck, ChannelSchema const& schema)
{
  std::string const deck_file = folder.file("model.yml"), schema_file = folder.file("channel_schema.yaml");
  if (!std::filesystem::exists(deck_file))
    io::replace_text(deck_file, deck.text());
  if (!std::filesystem::exists(schema_file)) {
    io::replace_text(schema_file, schema.to_yaml());
    return;
  }
  std::stringstream text;
  text << std::ifstream(schema_file).rdbuf();
  schema.expect_same(text.str(), schema_file);
}

void start_point(Trainer& trainer, RunFolder const& folder, TrainerConfig const& config, TrainOptions const& options)
{
  if (options.resume && std::filesystem::exists(folder.checkpoint())) {
    trainer.restore(folder.checkpoint(), {}, true, true);
    log::info("resuming from " + folder.checkpoint());
  } else if (!options.weights.empty()) {
    trainer.start_from(options.weights);
    log::info("weights from " + options.weights);
  } else if (config.load_weights) {
    trainer.restore(folder.checkpoint(), {config.load_optimizer, config.load_optimizer}, false, config.load_scheduler);
    log::info("weights from " + folder.checkpoint());
  }
}
} // namespace

TrainResult train(Deck const& deck, Communicator const& world, TrainOptions const& options)
{
  Problems problems;
  RunConfig config = RunConfig::read(deck, RunConfig::Purpose::train, problems);
  config.trainer.parallelism.check(world.size(), problems);
  problems.raise();

  std::optional<DataPlan> plan, validation_plan;
  bool const validates = config.has_validation && !config.trainer.skip_validation;
  collectively(world, [&] {
    plan = DataPlan::make(deck, DataPlan::Use::training, config.model->fields, problems);
    if (validates)
      validation_plan = DataPlan::make(deck, DataPlan::Use::validation, config.model->fields, problems);
    deck.check_all_read(problems);
    problems.raise();
  });
  for (auto const& w : problems.warnings())
    log::warning(w.what());
  if (!validates && config.trainer.training_metric.rfind("valid_", 0) == 0) {
    config.trainer.training_metric.replace(0, 6, "train_");
    log::warning("without validation the best epoch is chosen by " + config.trainer.training_metric);
  }

  bool const again = options.resume || (config.trainer.load_weights && options.weights.empty());
  RunFolder const folder(config.save_loc, world, again ? RunFolder::Entry::again : RunFolder::Entry::fresh);
  on_first_rank(world, [&] { keep_descriptions(folder, deck, plan->schema); });

  Mesh const mesh = build_device_mesh(config.trainer.parallelism, world);
  auto const model = make_model(*config.model);
  parallelise(*model, mesh, config.trainer.parallelism);
  model->set_activation_checkpoint(config.trainer.activation_checkpoint);
  model->allocate(Exec(), config.trainer.precision, static_cast<std::uint64_t>(config.seed));

  Box const tile = get_domain_manager(*model).input().box(mesh.spatial.rank());
  // As many batches ahead as that many workers would prefetch, though one thread reads them.
  auto const depth = [&](int workers) { return std::max(1, workers) * std::max(1, config.trainer.prefetch_factor); };
  auto const training =
      loader_source(*plan, tile, sampler_of(*plan, config, mesh, true), depth(config.trainer.thread_workers));
  std::unique_ptr<BatchSource> validation;
  if (validates)
    validation = loader_source(*validation_plan, tile, sampler_of(*validation_plan, config, mesh, false),
                               depth(config.trainer.valid_thread_workers));
  log::info(fmt::format("{:.3g} million parameters, {} x {} cells, {} batches of {} x {} samples an epoch on {} rank{}",
                        static_cast<double>(model->parameters().count_trainable()) * 1e-6, plan->grid.height(),
                        plan->grid.width(), training->batches(), mesh.data.size(), config.trainer.train_batch_size,
                        world.size(), world.size() == 1 ? "" : "s"));
  Trainer trainer({config,
                   *plan,
                   mesh,
                   *model,
                   folder,
                   *training,
                   validation.get(),
                   {deck.text(), config.model->fingerprint(), plan->schema.to_yaml()},
                   options.stop});
  start_point(trainer, folder, config.trainer, options);
  return trainer.run();
}

} // namespace rossby
