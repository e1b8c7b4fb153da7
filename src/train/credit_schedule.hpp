#pragma once
/// \file
/// Private to src/train: the state of a learning rate's schedule as PyTorch's and CREDIT's scheduler classes keep it.

#include "io/tensor_file.hpp"
#include "io/torch_writer.hpp"
#include "optim/schedule.hpp"

#include <string>
#include <vector>

namespace rossby {

/// Schedule::state() for a scheduler's state_dict. `rate` is the optimizer's learning rate at that point; `where` names
/// the file. \throws Error when the dict is of another kind of schedule than the deck's, naming both.
std::vector<double> schedule_from_credit(ScheduleConfig const&, io::PickledValue const& state_dict, double rate,
                                         std::string const& where);

/// The state_dict (None for a constant rate) of what Schedule::state() tells. `base_rate` is trainer.learning_rate,
/// `epochs` how many have ended.
void write_credit_schedule(io::TorchWriter&, ScheduleConfig const&, double base_rate, std::vector<double> const& state,
                           std::int64_t epochs);

} // namespace rossby
