#include "commands.hpp"

#include "train/trainer.hpp"
#include <rossby/comm/counters.hpp>
#include <rossby/core/interrupt.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

namespace rossby::app {

namespace {
constexpr int interrupted_code = 3; // nothing failed, but there is more to do

struct Options {
  DeckArguments deck;
  TrainOptions train;
  bool report = false;
};

void report_communication(Communicator const& world)
{
  auto const costs = over_ranks(world, comm_costs(world));
  logging::info(
      "communication since the start (messages and MiB sent: sums over ranks; calls and seconds: of the rank with "
      "most)\n" +
      to_table(costs));
}

int run(Options const& o, Communicator const& world)
{
  InterruptGuard const signals;
  TrainOptions options = o.train;
  options.stop = [&] { return signals.requested(); };
  auto session = Session::open(o.deck.load(world), Session::Purpose::train, world);
  auto const result = train(session, options);
  using End = TrainResult::End;
  std::string const again = fmt::format("go on with: rossby train --resume {}", o.deck.file);
  std::string const done = fmt::format("{} epochs, {} optimizer steps", result.epochs, result.updates);
  switch (result.end) {
  case End::finished:
    logging::info("finished: " + done);
    break;
  case End::stopped_early:
    logging::info("stopped early: " + done);
    break;
  case End::job_limit:
    logging::info(fmt::format("end of this job: {}; {}", done, again));
    break;
  case End::interrupted:
    logging::info(fmt::format("interrupted: {}; {}", done, again));
    break;
  }
  if (result.best_epoch >= 0)
    logging::info(
        fmt::format("best epoch {} ({:.6g}): {}", result.best_epoch + 1, result.best_metric, result.best_checkpoint));
  if (o.report)
    report_communication(world);
  return result.end == End::interrupted ? interrupted_code : 0;
}
} // namespace

void add_train(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand("train", "Train the model of a deck");
  o->deck.add_to(*command);
  auto* const resume =
      command->add_flag("--resume", o->train.resume, "Go on exactly where the run in save_loc stopped");
  command->add_flag("--allow-changes", o->train.allow_changes, "Go on though settings differ from the run's")
      ->needs(resume);
  auto* const weights =
      command
          ->add_option(
              "--weights", o->train.weights,
              "Start from the weights of this file: HDF5, torch.save's (CREDIT's checkpoint.pt), or safetensors")
          ->type_name("FILE")
          ->check(CLI::ExistingFile)
          ->excludes(resume);
  command
      ->add_option(
          "--resume-from-credit", o->train.credit_run,
          "Go on with the run of CREDIT in this folder (its checkpoint.pt, checkpoint_ema.pt, training_log.csv)")
      ->type_name("FOLDER")
      ->excludes(resume)
      ->excludes(weights);
  command->add_flag("--report", o->report, "At the end, print what communication cost");
  command->footer(
      "SIGTERM or SIGUSR1 ends a run after a checkpoint, with exit code 3. OpenMPI's mpirun passes SIGUSR1 on; after\n"
      "SIGTERM it leaves the ranks one second, or as many as --mca odls_base_sigkill_timeout says.");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }}; });
}

} // namespace rossby::app
