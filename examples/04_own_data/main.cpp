/// \file
/// Trains on fields of the program's own: here the radiation at the top of the atmosphere, which the deck would compute
/// step by step through every window, as a formula for the day's mean. Everything else comes from the deck's files.
///
///   mpirun -n 2 04_own_data DECK [KEY=VALUE ...]

#include <rossby/fields.hpp>
#include <rossby/runtime.hpp>
#include <rossby/train.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <exception>

namespace {

class DailyMeanSun final : public rossby::FieldSource {
public:
  explicit DailyMeanSun(int rows) : rows_(rows) {}

  bool read(rossby::SchemaEntry const& entry, rossby::Time time, rossby::Box const& box,
            std::vector<double>& values) override
  {
    if (entry.variable != "tisr")
      return false; // from the files
    double const pi = std::acos(-1.0);
    double const declination = -0.409 * std::cos(2 * pi * (rossby::day_of_year(rossby::date_of(time)) + 9) / 365);
    values.clear();
    for (int level = 0; level < entry.n_levels(); ++level)
      for (auto row = box.row0; row < box.row1; ++row) {
        double const latitude = pi * (0.5 - (static_cast<double>(row) + 0.5) / rows_);
        double const cosine = -std::tan(latitude) * std::tan(declination);
        double const half_day = std::acos(std::clamp(cosine, -1.0, 1.0)); // hour angle of sunset
        double const sun = half_day * std::sin(latitude) * std::sin(declination) +
                           std::cos(latitude) * std::cos(declination) * std::sin(half_day);
        values.insert(values.end(), static_cast<std::size_t>(box.cols()), 1361 / pi * sun * 6 * 3600); // J m-2 in 6 h
      }
    ++calls_;
    return true;
  }
  int calls() const { return calls_; }

private:
  int rows_;
  std::atomic<int> calls_{0}; // batches are read ahead by another thread
};

void run(int argc, char** argv)
{
  auto const world = rossby::Communicator::world();
  auto const deck = rossby::load_deck(argv[1], {argv + 2, argv + argc}, world);
  auto const sun = std::make_shared<DailyMeanSun>(deck["model"].get("image_height", 32));
  rossby::SessionOptions options;
  options.fields = sun;
  auto session = rossby::Session::open(deck, rossby::Session::Purpose::train, world, options);
  auto const result = rossby::train(session, {});
  if (world.rank() == 0)
    std::printf("%lld steps with %s\n", static_cast<long long>(result.updates),
                sun->calls() > 0 ? "a sun of our own" : "nothing of our own");
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
