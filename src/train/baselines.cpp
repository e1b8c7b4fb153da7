#include "train/baselines.hpp"
#include <rossby/data/dataset.hpp>

#include <fmt/format.h>

#include <deque>

namespace rossby {

Baselines::Baselines(Dataset& data, std::vector<double> const& weight, int leads, Communicator const& ranks,
                     std::function<void()> const& each_time)
{
  auto const channels = static_cast<std::size_t>(data.plan().schema.target_channels());
  std::size_t const cells = weight.size(), size = cells * channels;
  calendar_ = data.plan().config.calendar;
  std::vector<Time> const clock = data.plan().config.clock();

  std::array<std::vector<double>, 12> sums;
  std::array<double, 12> counts{};
  for (Time const t : clock) {
    auto const state = data.target(t, false).physical;
    auto& sum = sums[month_of(t)];
    sum.resize(size, 0.0);
    for (std::size_t i = 0; i < size; ++i)
      sum[i] += static_cast<double>(state[i]);
    counts[month_of(t)] += 1;
    each_time();
  }
  for (std::size_t m = 0; m < 12; ++m)
    for (double const s : sums[m])
      climatology_[m].push_back(static_cast<float>(s / counts[m]));

  // Anomalies of the last `leads` times, newest first; products of each with the one before it by 1 ... leads steps.
  std::deque<std::pair<Time, std::vector<float>>> recent;
  std::size_t const n = static_cast<std::size_t>(leads) * channels;
  std::vector<double> products(2 * n, 0.0); // covariance, then variance of the earlier state
  Duration const dt = data.plan().config.timestep;
  for (Time const t : clock) {
    auto state = data.target(t, false).physical;
    auto const& mean = climatology(t);
    for (std::size_t i = 0; i < size; ++i)
      state[i] -= mean[i];
    for (auto const& [earlier, before] : recent) {
      Time const lead = (t - earlier) / dt; // ranges of dates may leave gaps
      if (lead < 1 || lead > leads)
        continue;
      std::size_t const offset = static_cast<std::size_t>(lead - 1) * channels;
      for (std::size_t cell = 0; cell < cells; ++cell)
        for (std::size_t c = 0; c < channels; ++c) {
          double const x = static_cast<double>(before[cell * channels + c]);
          products[offset + c] += weight[cell] * x * static_cast<double>(state[cell * channels + c]);
          products[n + offset + c] += weight[cell] * x * x;
        }
    }
    recent.emplace_front(t, std::move(state));
    if (recent.size() > static_cast<std::size_t>(leads))
      recent.pop_back();
    each_time();
  }
  ranks.all_reduce_sum(products.data(), products.size());
  damping_.assign(static_cast<std::size_t>(leads), std::vector<double>(channels, 0.0));
  for (std::size_t i = 0; i < n; ++i)
    if (products[n + i] > 0)
      damping_[i / channels][i % channels] = products[i] / products[n + i];
}

std::size_t Baselines::month_of(Time t) const { return static_cast<std::size_t>(date_of(t, calendar_).month - 1); }

std::vector<float> const& Baselines::climatology(Time t) const
{
  auto const& mean = climatology_[month_of(t)];
  if (mean.empty())
    fail("data",
         fmt::format("the training dates hold no state of month {}, so there is no climatology for {}", month_of(t) + 1,
                     format_time(t, calendar_)),
         "verify forecasts of months that the training years have");
  return mean;
}

} // namespace rossby
