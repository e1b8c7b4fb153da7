#include <rossby/comm/counters.hpp>

#include "communicator_impl.hpp"
#include "watchdog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace rossby {

namespace {
void add(CallSite const& site, CommCost const& cost)
{
  auto& r = *site.counts;
  std::lock_guard<std::mutex> const lock(r.mutex);
  auto found = r.costs.find(std::pair<std::string_view, std::string_view>(site.group, site.operation));
  if (found == r.costs.end())
    found = r.costs.emplace(std::make_pair(site.group, std::string(site.operation)), CommCost{}).first;
  auto& sum = found->second;
  sum.calls += cost.calls;
  sum.messages += cost.messages;
  sum.bytes += cost.bytes;
  sum.seconds += cost.seconds;
}
} // namespace

Call::Call(CallSite site, std::int64_t messages, std::size_t bytes, Part part)
    : site_(std::move(site)), messages_(messages), bytes_(bytes), part_(part), begin_(std::chrono::steady_clock::now())
{
  if (site_.ranks > 1)
    watched_ = watchdog::enter(site_, bytes_);
}

Call::~Call()
{
  if (site_.ranks == 1)
    return;
  watchdog::leave(watched_);
  CommCost cost;
  if (part_ == Part::all)
    cost = {1, messages_, static_cast<std::int64_t>(bytes_), 0};
  cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  add(site_, cost);
}

CommCosts Counts::all()
{
  std::lock_guard<std::mutex> const lock(mutex);
  return {costs.begin(), costs.end()};
}

void Counts::reset()
{
  std::lock_guard<std::mutex> const lock(mutex);
  costs.clear();
}

CommCosts comm_costs(Communicator const& ranks) { return ranks.impl().counts->all(); }
void reset_comm_costs(Communicator const& ranks) { ranks.impl().counts->reset(); }

CommCosts difference(CommCosts const& after, CommCosts const& before)
{
  CommCosts more;
  for (auto const& [key, cost] : after) {
    auto const old = before.find(key);
    CommCost const then = old == before.end() ? CommCost{} : old->second;
    CommCost const d{cost.calls - then.calls, cost.messages - then.messages, cost.bytes - then.bytes,
                     cost.seconds - then.seconds};
    if (d.calls != 0 || d.seconds != 0)
      more.emplace(key, d);
  }
  return more;
}

CommCosts over_ranks(Communicator const& ranks, CommCosts const& mine)
{
  // Ranks need not have met the same operations: they agree on the list of keys first.
  char const field = '\t', line = '\n';
  std::string text;
  for (auto const& [key, cost] : mine)
    text += key.first + field + key.second + line;
  std::set<std::pair<std::string, std::string>> keys;
  for (auto const& theirs : ranks.all_gather(text)) {
    std::istringstream lines(theirs);
    for (std::string group, operation; std::getline(lines, group, field) && std::getline(lines, operation, line);)
      keys.emplace(group, operation);
  }
  std::vector<std::int64_t> sums;
  std::vector<double> highest;
  for (auto const& key : keys) {
    auto const found = mine.find(key);
    CommCost const c = found == mine.end() ? CommCost{} : found->second;
    sums.insert(sums.end(), {c.messages, c.bytes});
    highest.insert(highest.end(), {static_cast<double>(c.calls), c.seconds});
  }
  ranks.all_reduce_sum(sums.data(), sums.size());
  ranks.all_reduce_max(highest.data(), highest.size());
  CommCosts all;
  std::size_t i = 0;
  for (auto const& key : keys) {
    all[key] = {static_cast<std::int64_t>(highest[i]), sums[i], sums[i + 1], highest[i + 1]};
    i += 2;
  }
  return all;
}

std::string to_table(CommCosts const& costs)
{
  if (costs.empty())
    return "nothing was sent";
  std::size_t group_width = 5, operation_width = 9;
  for (auto const& entry : costs) {
    group_width = std::max(group_width, entry.first.first.size());
    operation_width = std::max(operation_width, entry.first.second.size());
  }
  std::string table = fmt::format("{:<{}}  {:<{}} {:>10} {:>12} {:>14} {:>10}", "group", group_width, "operation",
                                  operation_width, "calls", "messages", "MiB", "seconds");
  for (auto const& [key, c] : costs)
    table += fmt::format("\n{:<{}}  {:<{}} {:>10} {:>12} {:>14.3f} {:>10.3f}", key.first, group_width, key.second,
                         operation_width, c.calls, c.messages, static_cast<double>(c.bytes) / (1 << 20), c.seconds);
  return table;
}

} // namespace rossby
