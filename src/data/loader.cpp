#include "data/loader.hpp"

#include <rossby/core/log.hpp>

#include "data/plan.hpp"
#include <rossby/core/error.hpp>
#include <rossby/data/dataset.hpp>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace rossby {

namespace {

void append(std::vector<float>& all, std::vector<float> one)
{
  if (all.empty())
    all = std::move(one);
  else
    all.insert(all.end(), one.begin(), one.end());
}

} // namespace

struct Loader::Impl {
  Dataset dataset;
  Sampler sampler;
  std::size_t depth;

  std::thread reader;
  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by mutex:
  std::deque<BatchStep> queue;
  bool stop = false, finished = true;
  std::exception_ptr error;

  Impl(DataPlan const& plan, Box box, Sampler s, int queue_depth)
      : dataset(plan, box), sampler(std::move(s)), depth(static_cast<std::size_t>(queue_depth < 1 ? 1 : queue_depth))
  {
  }

  ~Impl() { halt(); }

  void halt()
  {
    {
      std::lock_guard<std::mutex> const lock(mutex);
      stop = true;
    }
    changed.notify_all();
    if (reader.joinable())
      reader.join();
    queue.clear();
    stop = false, finished = true;
    error = nullptr;
  }

  BatchStep make(index_t number, Sampler::Indices const& indices, int step)
  {
    DataConfig const& config = dataset.plan().config;
    BatchStep b;
    b.number = number;
    b.step = step;
    b.last_step = step + 1 == config.forecast_len;
    b.indices = indices;
    for (index_t const sample : indices.samples) {
      Time const t0 = dataset.initial_time(sample), t = t0 + step * config.timestep;
      b.initial_times.push_back(t0);
      b.valid_times.push_back(t + config.timestep);
      if (step == 0)
        append(b.input, dataset.input(t));
      else
        append(b.forcing, dataset.forcing(t));
      auto target = dataset.target(t + config.timestep, step == 0);
      append(b.target, std::move(target.normalised));
      append(b.target_physical, std::move(target.physical));
    }
    return b;
  }

  /// False when the reader has been told to stop.
  bool deliver(BatchStep batch)
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return stop || queue.size() < depth; });
    if (stop)
      return false;
    queue.push_back(std::move(batch));
    changed.notify_all();
    return true;
  }

  void read_epoch(std::uint64_t epoch, index_t first_batch)
  {
    std::exception_ptr problem;
    try {
      int const steps = dataset.plan().config.forecast_len;
      bool going = true;
      for (index_t b = first_batch; going && b < sampler.batches(); ++b) {
        auto const indices = sampler.batch(epoch, b);
        for (int step = 0; going && step < steps; ++step)
          going = deliver(make(b, indices, step));
      }
    } catch (...) {
      problem = std::current_exception();
    }
    std::lock_guard<std::mutex> const lock(mutex);
    error = problem;
    finished = true;
    changed.notify_all();
  }
};

Loader::Loader(DataPlan const& plan, Box box, Sampler sampler, int queue_depth)
    : impl_(std::make_unique<Impl>(plan, box, std::move(sampler), queue_depth))
{
  ROSSBY_EXPECT(impl_->sampler.options().samples == impl_->dataset.size());
}

Loader::~Loader() = default;

Sampler const& Loader::sampler() const { return impl_->sampler; }
DataPlan const& Loader::plan() const { return impl_->dataset.plan(); }

void Loader::start(std::uint64_t epoch, index_t first_batch)
{
  auto& l = *impl_;
  l.halt();
  l.finished = false;
  l.reader = std::thread([&l, epoch, first_batch, log = logging::current()] {
    logging::Scope const scope(log);
    l.read_epoch(epoch, first_batch);
  });
}

std::optional<BatchStep> Loader::next()
{
  auto& l = *impl_;
  std::unique_lock<std::mutex> lock(l.mutex);
  l.changed.wait(lock, [&] { return !l.queue.empty() || l.finished; });
  if (l.queue.empty()) {
    if (l.error)
      std::rethrow_exception(l.error);
    return std::nullopt;
  }
  BatchStep batch = std::move(l.queue.front());
  l.queue.pop_front();
  l.changed.notify_all();
  return batch;
}

} // namespace rossby
