#include "exchange_state.hpp"

namespace rossby {

Communicator::Exchange::Exchange(std::shared_ptr<State> state) : state_(std::move(state)) {}

void Communicator::Exchange::progress()
{
  if (state_)
    state_->progress();
}

void Communicator::Exchange::wait()
{
  if (auto const state = std::move(state_))
    state->wait();
}

} // namespace rossby
