#pragma once
/// \file
/// Private to src/train: what a run must go on with to be the same run: the keys of its deck that its numbers depend
/// on, and checksums of the small files that these name. Lines "key: value".

#include "train/checkpoint.hpp"
#include <rossby/session.hpp>

#include <string>
#include <vector>

namespace rossby {

/// Of a deck alone.
std::string settings_of(Deck const&);
/// And of the scalers and other small files that it names, which are read for it.
std::string settings_with_files(Deck const&);
/// Of a run: all that, and the samples in a batch over all ranks.
std::string settings_of(Session const&);

/// A text that is another when a file of weights is: its seal, or the checksum of its bytes.
std::string state_of_file(std::string const& path);

/// What differs between a checkpoint and this run, one line for each key: "trainer.weight_decay: 0.02, was 0.01".
/// Checkpoints without settings are compared by the deck that they hold. \throws Error for a damaged file.
std::vector<std::string> changed_settings(std::string const& checkpoint, std::string const& settings);

} // namespace rossby
