// Two training sessions that take turns in one process have the losses of each alone, to the bit.
//   two_sessions DECK

#include <rossby.h>
#include <rossby/comm/runtime.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {
constexpr std::array<char const*, 3> times{"2000-01-02T00:00", "2000-01-03T12:00", "2000-01-05T18:00"};
using Losses = std::array<double, times.size()>;

void expect(bool good, char const* what)
{
  if (good)
    return;
  std::fprintf(stderr, "%s: %s\n", what, rossby_error());
  std::exit(1);
}

rossby_session* open(char const* deck, std::string const& settings)
{
  auto const world = rossby::Communicator::world();
  auto* const session = rossby_open(deck, settings.c_str(), ROSSBY_TRAIN, world.native_handle(), nullptr, nullptr);
  expect(session != nullptr, "open");
  return session;
}

void step(rossby_session* session, std::size_t i, Losses& losses)
{
  expect(rossby_train_step(session, times[i], &losses[i]) == 0, "train_step");
}

Losses alone(char const* deck, std::string const& settings)
{
  Losses losses{};
  auto* const session = open(deck, settings);
  for (std::size_t i = 0; i < times.size(); ++i)
    step(session, i, losses);
  rossby_close(session);
  return losses;
}
} // namespace

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv);
  if (argc < 2)
    return 2;
  expect(rossby_start(&argc, argv) == 0, "start");
  std::string const
      first = "save_loc=runs/first\nseed=1\nmodel.ff_dropout=0.2\n",
      second =
          "save_loc=runs/second\nseed=2\nmodel.ff_dropout=0.1\nmodel.depth=[1,2,1,1]\ntrainer.learning_rate=1e-2\n";
  Losses const a = alone(argv[1], first), b = alone(argv[1], second);
  Losses together_a{}, together_b{};
  auto *const one = open(argv[1], first), *const two = open(argv[1], second);
  for (std::size_t i = 0; i < times.size(); ++i) {
    step(one, i, together_a);
    step(two, i, together_b);
  }
  rossby_close(one);
  rossby_close(two);
  rossby_stop();
  std::puts(a != b && together_a == a && together_b == b ? "right" : "wrong");
  return 0;
}
