// How a run goes on. The checkpoint is the one thing that says where a run is: all that follows it at the end of an
// epoch (a row in the log, the best checkpoint, the epoch's own) is done again when a run is resumed at such an end, so
// that a kill in between leaves nothing wrong. A checkpoint is taken whole or not at all; when one is damaged the one
// before takes its place.
#include "train/trainer.hpp"

#include "array_source.hpp"
#include "run_settings.hpp"
#include "seal.hpp"

#include "io/replace.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace rossby {

namespace fs = std::filesystem;

namespace {
/// What is wrong with a file; "" for a sound one.
std::string damage_of(std::string const& file)
{
  try {
    verify_file(file);
    if (!io::Hdf5File::open_read(file).has_attribute("/", "rossby_checkpoint"))
      return file + ": is not a checkpoint";
  } catch (...) {
    return current_error().what();
  }
  return "";
}

/// The checkpoint to begin with; "" for a run that was stopped before its first one.
std::string newest(RunFolder const& folder)
{
  if (fs::exists(folder.checkpoint()))
    return folder.checkpoint();
  if (fs::exists(folder.backup_checkpoint())) {
    logging::warning(folder.checkpoint() + ": is gone; going on from " + folder.backup_checkpoint());
    return folder.backup_checkpoint();
  }
  if (fs::exists(folder.training_log()) || fs::exists(folder.best_checkpoint()))
    fail(folder.checkpoint(), "is gone, though a run has been here",
         "bring it back; or take the weights of another checkpoint into a new save_loc, with --weights");
  if (!fs::exists(folder.deck()))
    fail(folder.checkpoint(), "is not there: no run has been in this folder", "leave out --resume, or set save_loc");
  logging::info(folder.checkpoint() + ": is not there yet: the run was stopped before, and begins anew");
  return "";
}

/// Finished epochs; -1 for a file that does not say.
std::int64_t epoch_of(std::string const& checkpoint)
{
  try {
    return static_cast<std::int64_t>(Hdf5Source(checkpoint).number("/trainer/epoch"));
  } catch (Error const&) {
    return -1;
  }
}

std::string list_of(std::vector<std::string> const& changes)
{
  std::string list;
  for (auto const& change : changes)
    list += "\n  " + change;
  return list;
}
} // namespace

void Trainer::take(std::string const& checkpoint, bool allow_changes)
{
  on_first_rank(parts_.mesh.world, [&] {
    auto const changes = changed_settings(checkpoint, parts_.about.settings);
    if (changes.empty())
      return;
    if (!allow_changes)
      fail(checkpoint, "is of a run with other settings:" + list_of(changes),
           "set them back, or go on with the new ones by --allow-changes");
    logging::warning("going on with other settings than before:" + list_of(changes));
  });
  Taken taken;
  taken.other_seed = allow_changes;
  restore(checkpoint, taken);
  logging::info("resuming from " + checkpoint);
}

void Trainer::resume(bool allow_changes)
{
  auto const& folder = parts_.folder;
  auto const& ranks = parts_.mesh.world;
  std::string const checkpoint = folder.checkpoint(), backup = folder.backup_checkpoint();
  std::string from;
  on_first_rank(ranks, [&] { from = newest(folder); });
  ranks.broadcast(from, 0);
  if (from.empty())
    return;
  try {
    take(from, allow_changes);
  } catch (Error const&) { // the same on all ranks
    std::string damage;
    if (ranks.rank() == 0)
      damage = damage_of(from);
    ranks.broadcast(damage, 0);
    if (damage.empty())
      throw; // it is sound, and was refused for what it says
    on_first_rank(ranks, [&] {
      if (from == backup || !fs::exists(backup))
        fail(from, "is damaged, and there is no other checkpoint to go on from: " + damage,
             "take the weights of best_checkpoint.h5 into a new save_loc, with --weights");
      logging::warning(damage + fmt::format("\n  going on from {}; the damaged one is kept as {}", backup,
                                            folder.damaged_checkpoint()));
    });
    from = backup;
    take(from, allow_changes);
  }
  on_first_rank(ranks, [&] { // the next checkpoint makes this one the backup
    if (from == checkpoint)
      return;
    if (fs::exists(checkpoint))
      fs::rename(checkpoint, folder.damaged_checkpoint());
    io::keep_as(backup, checkpoint);
  });
  if (state_.batch > 0 || state_.history.empty())
    return;
  bool newer = false; // of an epoch that is to be trained again
  on_first_rank(ranks, [&] { newer = epoch_of(folder.best_checkpoint()) > state_.epoch; });
  keep_epoch(newer ? KeepBest::as_it_is : KeepBest::this_one);
}

} // namespace rossby
