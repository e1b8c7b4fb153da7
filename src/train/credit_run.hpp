#pragma once
/// \file
/// Runs of CREDIT: what its trainers leave in a folder, read and written. docs/files.md says which files those are.

#include "train/checkpoint.hpp"
#include "train/config.hpp"

#include <string>

namespace rossby {

/// The file with the weights of a run folder of CREDIT's: model_checkpoint.pt (of the first generation's fsdp runs) or
/// else checkpoint.pt. \throws Error when there is neither.
std::string find_credit_checkpoint(std::string const& folder);

/// Takes over a whole run: weights, moments, averages, each rank the parts that it stores; and where it is. The deck's
/// trainer block says which schedule the file's state is of; a warning names what differs between the two. Files that
/// Rossby wrote itself (write_credit_checkpoint) give back all that a checkpoint has. Collective over all ranks of the
/// placement. \throws Error; the parameters, moments and averages are then what they were.
TrainingState read_credit_run(std::string const& file, Exec const&, Parameters&, AdamW&, Ema*, TrainerConfig const&);

/// The same as one file that CREDIT goes on from: checkpoint.pt, and checkpoint_ema.pt beside it where there are
/// averages. CREDIT numbers epochs from their starts: one under way begins again there, but for Rossby, which finds the
/// rest under a key of its own. `by_name`: the optimizer's state as fsdp2 runs have it; otherwise by number. Each rank
/// fills in the parts that it stores. \throws Error on all ranks; files of these names are then what they were.
void write_credit_checkpoint(std::string const& file, Communicator const& ranks, Exec const&, Parameters const&,
                             AdamW const&, Ema const*, TrainingState const&, RunDescription const&,
                             TrainerConfig const&, bool by_name);
/// {"model_state_dict": ...} and nothing else.
void write_credit_weights(std::string const& file, Communicator const& ranks, Exec const&, Parameters const&);

/// "deck" or "channel_schema" of the run that a checkpoint is of, where Rossby has written it, in either format; empty
/// where there is none.
std::string text_in_checkpoint(std::string const& file, std::string const& which);

} // namespace rossby
