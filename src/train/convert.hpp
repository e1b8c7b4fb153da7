#pragma once
/// \file
/// Weights and checkpoints from one format to another.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/deck.hpp>

#include <string>
#include <vector>

namespace rossby {

struct ConvertOptions {
  std::string input;  ///< a file of any format that is read, or a run folder
  std::string output; ///< must not be there yet
  enum class To { torch, rossby } to = To::rossby;
  bool weights_only = false; ///< leave optimizer, averages and the position of the run
  /// How the optimizer's state is told in a torch file.
  enum class Moments { as_deck, by_number, by_name } moments = Moments::as_deck;
  std::string deck; ///< a file; empty: the deck that the input holds or has beside it
  std::vector<std::string> overrides;
};

struct ConvertResult {
  std::string input;              ///< the file that was read
  std::vector<std::string> files; ///< that were written
  bool whole_run = false;         ///< and not weights alone
};

/// The ranks share parameters, moments and averages, so none holds more than its part. Collective over `world`.
ConvertResult convert(ConvertOptions const&, Communicator const& world);

} // namespace rossby
