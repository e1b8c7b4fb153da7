#include "commands.hpp"

#include <rossby/core/log.hpp>
#include <rossby/forecast.hpp>

#include <fmt/format.h>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  VerifyOptions verify;
};

int run(Options const& o, Communicator const& world)
{
  auto session = Session::open(o.deck.load(world), Session::Purpose::verify, world);
  auto const result = verify(session, o.verify);
  logging::info(result.table());
  logging::info(fmt::format("wrote {} and {}", result.csv, result.netcdf));
  return 0;
}
} // namespace

void add_verify(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command =
      program.add_subcommand("verify", "Score the forecasts of a deck against data, beside simple forecasts");
  o->deck.add_to(*command);
  command->add_option("--output", o->verify.output, "Folder for scores.csv and scores.nc (default: save_loc)")
      ->type_name("FOLDER");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }}; });
}

} // namespace rossby::app
