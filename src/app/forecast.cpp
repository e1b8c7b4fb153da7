#include "commands.hpp"

#include <rossby/core/log.hpp>
#include <rossby/forecast.hpp>

#include <fmt/format.h>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  ForecastOptions forecast;
};

int run(Options const& o, Communicator const& world)
{
  auto session = Session::open(o.deck.load(world), Session::Purpose::forecast, world);
  auto const result = forecast(session, o.forecast);
  logging::info(fmt::format("{} forecast{} in {}", result.forecasts, result.forecasts == 1 ? "" : "s", result.folder));
  return 0;
}
} // namespace

void add_forecast(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command =
      program.add_subcommand("forecast", "Forecast from the initial times of the deck's inference block");
  o->deck.add_to(*command);
  command
      ->add_option("--checkpoint", o->forecast.checkpoint,
                   "Checkpoint to use, Rossby's or CREDIT's (default: the best of the run, or else the last)")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }}; });
}

} // namespace rossby::app
