/// \file
/// Trains the model of a deck from a program: what `rossby train` does, with the loop's result in hand.
///
///   mpirun -n 2 03_train DECK [KEY=VALUE ...]

#include <rossby/runtime.hpp>
#include <rossby/train.hpp>

#include <cstdio>
#include <exception>

namespace {

void run(int argc, char** argv)
{
  auto const world = rossby::Communicator::world();
  auto const deck = rossby::load_deck(argv[1], {argv + 2, argv + argc}, world);
  auto session = rossby::Session::open(deck, rossby::Session::Purpose::train, world);

  rossby::InterruptGuard const signals; // SIGTERM ends the run after a checkpoint
  rossby::TrainOptions options;
  options.stop = [&] { return signals.requested(); };
  auto const result = rossby::train(session, options);
  if (world.rank() == 0)
    std::printf("%lld epochs, %lld steps, best %.6f in %s\n", static_cast<long long>(result.epochs),
                static_cast<long long>(result.updates), result.best_metric, result.best_checkpoint.c_str());
}

} // namespace

int main(int argc, char** argv)
{
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DECK [KEY=VALUE ...]\n", argv[0]);
    return 2;
  }
  rossby::CommRuntime const runtime(argc, argv); // first in, last out: message passing, then devices and memory
  rossby::Environment const environment(argc, argv);
  try {
    run(argc, argv);
    return 0;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    rossby::abort_all_ranks(1);
  }
}
