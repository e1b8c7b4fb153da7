#include "communicator_impl.hpp"
#include "exchange_state.hpp"

#include <chrono>
#include <exception>
#include <thread>

namespace rossby {

Communicator::Communicator() : Communicator(std::make_shared<Impl const>(Impl{"self"})) {}
Communicator::Communicator(std::shared_ptr<Impl const> impl) : impl_(std::move(impl)) {}

int Communicator::rank() const { return impl_->rank; }
int Communicator::size() const { return impl_->size; }
std::string const& Communicator::name() const { return impl_->name; }

Communicator Communicator::named(std::string name) const
{
  Impl impl = *impl_;
  impl.name = std::move(name);
  return Communicator(std::make_shared<Impl const>(std::move(impl)));
}

bool Communicator::is_cartesian() const { return impl_->cartesian; }

std::vector<int> Communicator::extents() const
{
  ROSSBY_EXPECT(is_cartesian());
  return impl_->extents;
}

std::vector<int> Communicator::coordinates() const
{
  ROSSBY_EXPECT(is_cartesian());
  std::vector<int> at(impl_->extents.size());
  int rest = rank();
  for (std::size_t axis = at.size(); axis-- > 0;) {
    at[axis] = rest % impl_->extents[axis];
    rest /= impl_->extents[axis];
  }
  return at;
}

std::vector<bool> Communicator::periodic() const
{
  ROSSBY_EXPECT(is_cartesian());
  return impl_->periodic;
}

namespace {
/// What a failing rank may still owe others, or they it, takes no longer than this; in seconds.
constexpr double patience = 3;

/// Messages that never ended: MPI may still read and write what they use.
void leave_to_itself(std::shared_ptr<Communicator::Exchange::State> state)
{
  static auto* const left = new std::vector<std::shared_ptr<Communicator::Exchange::State>>(); // never destroyed
  left->push_back(std::move(state));
}
} // namespace

Communicator::Exchange::Exchange(std::shared_ptr<State> state) : state_(std::move(state)) {}

Communicator::Exchange& Communicator::Exchange::operator=(Exchange&& other) noexcept
{
  if (this != &other) {
    drop();
    state_ = std::move(other.state_);
  }
  return *this;
}

Communicator::Exchange::~Exchange() { drop(); }

void Communicator::Exchange::drop() noexcept
{
  auto state = std::move(state_);
  if (!state)
    return;
  try {
    if (std::uncaught_exceptions() > 0) {
      using Clock = std::chrono::steady_clock;
      auto const deadline = Clock::now() + std::chrono::duration<double>(patience);
      while (!state->done()) {
        if (Clock::now() > deadline)
          return leave_to_itself(std::move(state));
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    }
    state->wait();
  } catch (...) { // of MPI: nobody can be told any more
    leave_to_itself(std::move(state));
  }
}

void Communicator::Exchange::keep(Array const& array)
{
  if (state_)
    state_->kept.push_back(array);
}

void Communicator::Exchange::progress()
{
  if (state_)
    state_->progress();
}

void Communicator::Exchange::wait()
{
  if (auto const state = state_) {
    state->wait();
    state_.reset();
  }
}

} // namespace rossby
