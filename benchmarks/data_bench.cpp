/// \file
/// Times the reading of a deck's training samples, without transforms, model or device: of how many a second the fields
/// are read, how many are made to batches, and how long a step of a given length waits for them.
///   data_bench DECK [samples] [milliseconds of a step] [KEY=VALUE ...]
/// Prints one line of JSON. The step is slept through, so that it takes no core from the reader; data in memory are
/// those that the system keeps of files read before.

#include "data/loader.hpp"
#include "data/plan.hpp"
#include <rossby/core/log.hpp>
#include <rossby/data/dataset.hpp>
#include <rossby/models/spec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {
using namespace rossby;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Reads `samples` batches of one sample; returns the seconds that passed, and adds up those spent waiting.
double read(DataPlan const& plan, index_t samples, double step, double& waited)
{
  Box const all{0, plan.grid.height(), 0, plan.grid.width()};
  Sampler::Options options;
  options.samples = static_cast<index_t>(plan.config.initial_times().size());
  options.batch_size = 1;
  Loader loader(plan, all, Sampler(options), 4);
  auto const begin = Clock::now();
  index_t count = 0;
  waited = 0;
  for (std::uint64_t epoch = 0; count < samples; ++epoch) {
    loader.start(epoch);
    for (;;) {
      auto const asked = Clock::now();
      auto const batch = loader.next();
      if (count > 0) // the first has nobody who could have read it ahead
        waited += seconds_since(asked);
      if (!batch || count++ >= samples)
        break;
      std::this_thread::sleep_for(std::chrono::duration<double>(step));
    }
  }
  return seconds_since(begin);
}

/// Reads the fields of as many samples, and makes nothing of them.
double read_fields(DataPlan const& plan, index_t samples)
{
  Dataset data(plan, Box{0, plan.grid.height(), 0, plan.grid.width()});
  auto const begin = Clock::now();
  for (index_t k = 0; k < samples; ++k) {
    Time const t = data.initial_time(k * 7 % data.size()); // in some order
    for (auto const& e : plan.schema.input)
      data.raw(e, t);
    for (auto const& e : plan.schema.target)
      data.raw(e, t + plan.config.timestep);
  }
  return seconds_since(begin);
}
} // namespace

int main(int argc, char** argv)
{
  try {
    std::vector<std::string> overrides, numbers;
    for (int i = 2; i < argc; ++i)
      (std::string(argv[i]).find('=') != std::string::npos ? overrides : numbers).push_back(argv[i]);
    if (argc < 2) {
      std::fprintf(stderr, "usage: data_bench DECK [samples] [milliseconds of a step] [KEY=VALUE ...]\n");
      return 2;
    }
    index_t const samples = numbers.size() > 0 ? std::atol(numbers[0].c_str()) : 20;
    double const step = numbers.size() > 1 ? std::atof(numbers[1].c_str()) / 1e3 : 0.5;
    auto const deck = Deck::load(argv[1], overrides);
    Problems problems;
    auto const spec = read_spec(deck["model"], problems);
    problems.raise();
    auto const plan = DataPlan::make(deck, DataPlan::Use::geometry, spec->fields, problems);
    problems.raise();
    double waited = 0;
    read(plan, std::min<index_t>(samples, 4), 0, waited); // files that nobody has read yet
    double const alone = read(plan, samples, 0, waited), beside = read(plan, samples, step, waited);
    fmt::print("{{\"fields_of_samples_per_s\": {:.2f}, \"samples_per_s\": {:.2f}, \"step_s\": {}, \"share_waiting\": "
               "{:.4f}}}\n",
               static_cast<double>(samples) / read_fields(plan, samples), static_cast<double>(samples) / alone, step,
               waited / beside);
    return 0;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
