// Trains a few batches through rossby.h, saves, and goes on from the file in another session: the loss after it is that
// of the session which never stopped, to the bit. Prints the losses.
//   train_from_c DECK FILE [SETTING ...]

#include <rossby.h>
#include <rossby/comm/runtime.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {
void expect(bool good, char const* what)
{
  if (good)
    return;
  std::fprintf(stderr, "%s: %s\n", what, rossby_error());
  std::exit(1);
}
} // namespace

int main(int argc, char** argv)
{
  rossby::CommRuntime const runtime(argc, argv);
  auto const world = rossby::Communicator::world();
  if (argc < 3)
    return 2;
  std::string settings;
  for (int i = 3; i < argc; ++i)
    settings += std::string(argv[i]) + "\n";
  expect(rossby_start(&argc, argv) == 0, "start");
  auto const open = [&](rossby_purpose purpose) {
    rossby_session* const s = rossby_open(argv[1], settings.c_str(), purpose, world.native_handle(), nullptr, nullptr);
    expect(s != nullptr, "open");
    return s;
  };
  double losses[3] = {}, again = 0;
  char const* const times[3] = {"2000-01-02T00:00", "2000-01-03T12:00", "2000-01-05T18:00"};

  rossby_session* s = open(ROSSBY_TRAIN);
  for (int i = 0; i < 3; ++i) {
    expect(rossby_train_step(s, times[i], &losses[i]) == 0, "train_step");
    if (i == 1)
      expect(rossby_checkpoint(s, argv[2]) == 0, "checkpoint");
  }
  // A time that the data lack is an error that says so, and the session goes on.
  expect(rossby_train_step(s, "1950-01-01", &again) != 0, "a time without data was taken");
  rossby_close(s);

  s = open(ROSSBY_TRAIN);
  expect(rossby_load(s, argv[2]) == 0, "load");
  expect(rossby_train_step(s, times[2], &again) == 0, "train_step after load");
  expect(again == losses[2], "another loss after the checkpoint");
  rossby_close(s);

  s = open(ROSSBY_FORECAST);
  expect(rossby_train_step(s, times[0], &again) != 0, "a forecast session trained");
  rossby_close(s);
  rossby_stop();
  if (world.rank() == 0)
    std::printf("%.9g %.9g %.9g\n", losses[0], losses[1], losses[2]);
  return 0;
}
