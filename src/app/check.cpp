#include "commands.hpp"

#include "data/block_types.hpp"
#include "data/check_times.hpp"
#include "data/climatology.hpp"
#include "data/deck_blocks.hpp"
#include "data/plan.hpp"
#include "train/cf_attributes.hpp"
#include "train/config.hpp"
#include "train/forecast_files.hpp"
#include <rossby/core/deck_block.hpp>
#include <rossby/core/log.hpp>
#include <rossby/forecast.hpp>
#include <rossby/parallel/plans.hpp>
#include <rossby/session.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <set>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  int ranks = 0;
  bool no_files = false, strict = false;
};

void check_file(std::string const& key, std::string const& path, Problems& problems, std::string const& fix = {})
{
  if (!path.empty() && !std::filesystem::exists(path))
    problems.error(key, fmt::format("there is no file '{}'", path), fix);
}

/// Runs `f` and turns an Error into a problem.
template <class F> void attempt(Problems& problems, F&& f)
{
  try {
    f();
  } catch (Error const& e) {
    problems.add(e);
  }
}

/// What the data's grid is, and what of it a model does not see.
void say_grid(Deck const& deck, Grid const& grid, Problems& problems)
{
  if (grid.latitude.empty())
    return;
  logging::info(fmt::format("  grid     {}\n", grid.describe()));
  if (auto const seam = grid.seam(); !seam.empty())
    problems.warning("data",
                     fmt::format("the columns of the files jump between {}: the model takes them for neighbours", seam),
                     "store the region in one piece, its columns rising eastwards");
  auto const padding = deck["model"].is_map() ? deck["model"]["padding_conf"] : DeckNode();
  bool const round_the_globe =
      padding.is_map() && padding.get("activate", false) && padding.get("mode", std::string("earth")) == "earth";
  if (!grid.is_global() && round_the_globe)
    problems.warning("model.padding_conf.mode",
                     "is earth, which joins east and west and pads over the poles, but the data are regional",
                     "set it to mirror");
}

void check_files(Deck const& deck, RunConfig const& c, Problems& problems)
{
  using Use = DataPlan::Use;
  FieldShape const shape = c.model ? c.model->fields : FieldShape();
  auto const plan_of = [&](Use use) {
    return DataPlan::make(deck, use, shape, problems, nullptr, DataPlan::Probe::none);
  };
  auto const look_for_clock = [&](DataPlan const& plan) {
    if (plan.config.timestep > 0 && !plan.schema.input.empty())
      check_times(plan, TimesWanted::of_clock(plan.config), problems);
  };
  attempt(problems, [&] {
    auto const plan = plan_of(Use::training);
    say_grid(deck, plan.grid, problems);
    look_for_clock(plan);
  });
  if (!c.trainer.skip_validation)
    attempt(problems, [&] { look_for_clock(plan_of(Use::validation)); });
  if (c.inference)
    attempt(problems, [&] {
      auto const plan = plan_of(Use::forecast);
      if (plan.config.timestep <= 0 || plan.schema.input.empty())
        return;
      int const steps = forecast_steps(*c.inference, plan.config.timestep);
      check_times(plan, TimesWanted::of_forecasts(plan.config, c.inference->initial_times(), steps), problems);
    });
  std::string const args = c.loss.form == LossConfig::Form::base ? "loss.args." : "loss.";
  if (c.loss.use_latitude_weights)
    check_file(args + "latitude_weights", c.loss.latitude_weights, problems);
  if (c.metrics.use_latitude_weights)
    check_file("metrics.args.latitude_weights", c.metrics.latitude_weights, problems);
  if (auto const file = c.metrics.climatology())
    attempt(problems, [&] {
      Problems known;
      auto const plan = DataPlan::make(deck, Use::geometry, shape, known);
      if (known.errors().empty())
        read_climatology(*file, plan, {0, 1, 0, plan.grid.width()}, MetricsConfig::climatology_key);
    });
  if (c.inference && !is_attribute_table(c.inference->output.metadata))
    check_file("inference.output.metadata", c.inference->output.metadata, problems,
               "era5.yaml and cam.yaml, without a folder, name tables that the program has itself");
}

/// Scaler files that blocks name and that `rossby preprocess` has yet to write.
std::set<std::string> absent_scalers(Deck const& deck)
{
  std::set<std::string> absent;
  for (char const* key : {"preblocks", "postblocks"})
    for (auto const& args : block_arguments(deck[key])) {
      auto const path = args.get<std::string>("scaler_path", "");
      if (!path.empty() && !std::filesystem::exists(path))
        absent.insert(path);
    }
  return absent;
}

/// Can the mesh share the model's layers and cells?
void check_shares(RunConfig const& c, Problems& problems)
{
  auto const& p = c.trainer.parallelism;
  auto const model = make_model(*c.model);
  attempt(problems, [&] { cut_tensor_blocks(*model, p.tensor, p.tensor_whole); });
  attempt(problems, [&] { model->cut(process_grid(p)); });
}

Problems examine(Deck const& deck, Options const& o, int ranks)
{
  Problems problems;
  auto const c = RunConfig::read(deck, Purpose::check, problems);
  c.trainer.parallelism.check(ranks, problems);
  if (problems.errors().empty())
    check_shares(c, problems);
  bool judged = false;
  if (!o.no_files) { // files are judged whatever else is wrong
    auto const absent = absent_scalers(deck);
    Problems found;
    check_files(deck, c, found);
    for (auto const& e : found.errors())
      if (absent.count(e.where()) == 0 && (c.model || e.where().rfind("model.", 0) != 0))
        problems.add(e);
    for (auto const& w : found.warnings())
      problems.warning(w.where(), w.problem(), w.fix());
    for (auto const& path : absent)
      problems.warning(path, "is not there yet", "rossby preprocess DECK writes it");
    judged = found.errors().empty();
  }
  if (!judged) { // what is in these, but for their types, can only be judged against the files
    judge_block_types(deck, problems);
    for (char const* key : {"preblocks", "postblocks"})
      deck[key].mark_read();
    if (deck["inference"].is_map())
      for (char const* key : {"data", "preblocks", "postblocks"})
        deck["inference"][key].mark_read();
  }
  deck.check_all_read(problems);
  return problems;
}

void print(char const* kind, Error const& e)
{
  std::string text = fmt::format("  {:<7}  {}\n           {}", kind, e.where(), e.problem());
  if (!e.fix().empty())
    text += fmt::format("\n           fix: {}", e.fix());
  logging::info(text + "\n");
}

int check(Options const& o, Communicator const& world)
{
  logging::info(fmt::format("rossby check: {}\n", o.deck.file));
  Problems problems;
  try {
    auto const deck = o.deck.load(world, o.no_files ? DataFiles::leave : DataFiles::look);
    problems = examine(deck, o, o.ranks > 0 ? o.ranks : world.size());
  } catch (Error const& e) {
    problems.add(e);
  }
  auto const &errors = problems.errors(), &warnings = problems.warnings();
  for (auto const& e : errors)
    print("ERROR", e);
  for (auto const& w : warnings)
    print("WARNING", w);
  bool const failed = !errors.empty() || (o.strict && !warnings.empty());
  if (failed)
    logging::info(fmt::format("FAIL: {} error(s), {} warning(s)", errors.size(), warnings.size()));
  else
    logging::info(warnings.empty() ? "Everything resolves. No problems found."
                                   : fmt::format("Everything resolves. {} warning(s).", warnings.size()));
  return failed ? 1 : 0;
}
} // namespace

void add_check(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand("check", "Look for everything that is wrong with a deck and its files");
  o->deck.add_to(*command);
  command->add_option("-n,--ranks", o->ranks, "Number of ranks that the run will have (default: as started)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--no-files", o->no_files, "Judge the deck alone; open no data");
  command->add_flag("--strict", o->strict, "Fail on warnings, too");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return check(*o, world); }, false}; });
}

} // namespace rossby::app
