#pragma once
// The commands of the program; private to src/app.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/deck.hpp>
#include <rossby/session.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace rossby::app {

/// What a command does once its arguments are known.
struct Job {
  std::function<int(Communicator const& world)> run; ///< returns the exit code; all ranks call it
  /// False: the device is not started for it, nor is MPI where no launcher started the program. Such commands work on
  /// login nodes.
  bool on_device = true;
};

/// Each adds its sub-command, which sets the job when it is chosen.
void add_check(CLI::App& program, Job&);
void add_info(CLI::App& program, Job&);
void add_status(CLI::App& program, Job&);
void add_preprocess(CLI::App& program, Job&);
void add_train(CLI::App& program, Job&);
void add_forecast(CLI::App& program, Job&);
void add_verify(CLI::App& program, Job&);
void add_apply(CLI::App& program, Job&);
void add_convert(CLI::App& program, Job&);
void add_new(CLI::App& program, Job&);
void add_convert_deck(CLI::App& program, Job&);
void add_make_data(CLI::App& program, Job&);

/// `rossby info` of a file of tensors.
int info_of_tensors(std::string const& file, bool all);

/// The arguments that all commands on decks have.
struct DeckArguments {
  std::string file;
  std::vector<std::string> overrides;
  void add_to(CLI::App& command);
  /// Reads the deck on every rank and refuses to go on when ranks see different decks or run different versions.
  Deck load(Communicator const& world, DataFiles = DataFiles::look) const;
};

} // namespace rossby::app
