#include "commands.hpp"

#include "train/run_status.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <ctime>
#include <limits>

namespace rossby::app {

namespace {
struct Options {
  std::string folder;
  bool verify = false;
};

/// "2:05:07"
std::string duration(double seconds)
{
  auto const s = static_cast<std::int64_t>(seconds);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

void print_progress(RunStatus const& status)
{
  auto const& p = status.progress;
  if (p.updated > 0) {
    auto const age = static_cast<std::int64_t>(std::time(nullptr)) - p.updated;
    logging::info(
        fmt::format("last sign of life  {} ago", duration(static_cast<double>(std::max<std::int64_t>(0, age)))));
    logging::info(fmt::format("at                 epoch {} of {}, batch {} of {}, step {}",
                              std::min(p.epoch + 1, p.epochs), p.epochs, p.batch, p.batches, p.step));
  } else {
    logging::info(fmt::format("at                 step {}", p.step));
  }
  if (p.rate() > 0)
    logging::info(
        fmt::format("rate               {:.4g} batches a minute in this job, validation included", 60 * p.rate()));
  if (p.time_left() > 0)
    logging::info(fmt::format("time left          {} at this rate", duration(p.time_left())));
  if (status.mean_of > 0)
    logging::info(fmt::format("loss               {:.5g}; {:.5g} over the last {} step{}; learning rate {:.4g}",
                              status.last_loss, status.mean_loss, status.mean_of, status.mean_of == 1 ? "" : "s",
                              status.learning_rate));
  if (!status.last_epoch.empty())
    logging::info("last               " + status.last_epoch);
}

int status_of(Options const& o)
{
  constexpr std::int64_t some = std::int64_t{1} << 30;
  auto const status = run_status(o.folder, o.verify ? std::numeric_limits<std::int64_t>::max() : some);
  logging::info(o.folder + "\n");
  print_progress(status);
  logging::info(status.checkpoints.empty() ? "no checkpoint yet" : "");
  bool all_sound = true;
  for (auto const& c : status.checkpoints) {
    all_sound = all_sound && c.damage.empty();
    std::string const name = c.file.substr(c.file.rfind('/') + 1);
    if (!c.damage.empty())
      logging::info(fmt::format("{:<24} DAMAGED: {}", name, c.damage));
    else
      logging::info(fmt::format("{:<24} step {}, {}, {:.1f} MB: {}{}", name, c.step,
                                c.batch == 0 ? fmt::format("end of epoch {}", c.epoch)
                                             : fmt::format("epoch {} after batch {}", c.epoch + 1, c.batch),
                                static_cast<double>(c.bytes) / 1e6,
                                c.read ? "sound" : "whole by its seal (--verify reads it)",
                                c.sealed ? "" : "; of a version without seals"));
  }
  return all_sound ? 0 : 1;
}
} // namespace

void add_status(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand(
      "status", "How a run is going: steps, losses, time left, and whether its checkpoints are sound");
  command->add_option("folder", o->folder, "The run's save_loc")->required()->type_name("FOLDER");
  command->add_flag("--verify", o->verify, "Read every checkpoint whole, however large");
  command->footer("The exit code is 1 where a checkpoint is damaged. Works while the run goes on, and on login nodes.");
  command->callback([o, &job] { job = {[o](Communicator const&) { return status_of(*o); }, false}; });
}

} // namespace rossby::app
