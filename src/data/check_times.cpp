#include "data/check_times.hpp"

#include "core/suggest.hpp"
#include "field_reader.hpp"

#include <rossby/data/dataset.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace rossby {

namespace {

void sort_and_unite(std::vector<Time>& times)
{
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
}

/// "2000-01-03 12:00:00, 2000-01-05 00:00:00 to 2000-01-06 18:00:00"
std::string spans(std::vector<Time> const& missing, std::vector<Time> const& wanted, Calendar calendar)
{
  constexpr std::size_t most = 4;
  std::vector<std::string> words;
  auto next = wanted.begin();
  for (std::size_t i = 0; i < missing.size();) {
    next = std::lower_bound(next, wanted.end(), missing[i]);
    std::size_t last = i;
    for (auto following = std::next(next);
         last + 1 < missing.size() && following != wanted.end() && *following == missing[last + 1]; ++following)
      ++last;
    if (words.size() == most) {
      words.push_back("...");
      break;
    }
    std::string const begin = format_time(missing[i], calendar);
    words.push_back(last == i ? begin : fmt::format("{} to {}", begin, format_time(missing[last], calendar)));
    i = last + 1;
  }
  return join(words);
}

/// Looks for the wanted times in a group's files: the first and the last one that has a record.
std::vector<Time> examine(SourceConfig const& source, FieldGroup const& group, std::vector<Time> const& wanted,
                          Problems& problems)
{
  std::vector<Time> result;
  if (wanted.empty())
    return result;
  std::string const& variable = group.vars_3d.empty() ? group.vars_2d.front() : group.vars_3d.front();
  std::optional<FieldReader> reader;
  try {
    reader.emplace(source, group);
    reader->first();
  } catch (Error const& e) {
    problems.add(e);
    return result;
  }
  std::vector<Time> missing;
  std::vector<Error> reasons;
  for (Time const t : wanted)
    try {
      reader->expect_time(t, variable);
      if (result.size() < 2)
        result.push_back(t);
      else
        result.back() = t;
    } catch (Error const& e) {
      missing.push_back(t);
      // A file that can't be read at all is a reason of its own; the first missing time stands for the others.
      bool const known =
          std::any_of(reasons.begin(), reasons.end(), [&](Error const& r) { return r.where() == e.where(); });
      if (!known && reasons.size() < 5)
        reasons.push_back(e);
    }
  if (missing.size() == 1)
    problems.add(reasons.front());
  else if (!missing.empty()) {
    std::string why;
    for (auto const& r : reasons)
      why += fmt::format("; {}: {}", r.where(), r.problem());
    problems.error(group.deck_key,
                   fmt::format("{} of {} times are missing: {}{}", missing.size(), wanted.size(),
                               spans(missing, wanted, source.clock), why),
                   reasons.front().fix());
  }
  return result;
}

/// A choice among the places of a dimension that no file of the source has is a mistyped one.
void expect_dimension(SourceConfig const& source, std::string const& dimension, Problems& problems)
{
  for (auto const& group : source.groups)
    try {
      if (FieldReader(source, group).first().has_dimension(dimension))
        return;
    } catch (Error const&) { // told elsewhere
      return;
    }
  problems.warning(fmt::format("{}.select.{}", source.deck_key, dimension),
                   "names a dimension that no file of the source has", "remove it, or correct its name");
}

} // namespace

TimesWanted TimesWanted::of_clock(DataConfig const& config)
{
  TimesWanted wanted;
  wanted.state = wanted.forcing = wanted.truth = config.clock();
  return wanted;
}

TimesWanted TimesWanted::of_forecasts(DataConfig const& config, std::vector<Time> const& initial, int steps)
{
  constexpr std::size_t most = std::size_t{1} << 25;
  TimesWanted wanted;
  Duration const step = config.timestep;
  for (Time const t : initial) {
    Time first = t + (1 - config.history_len) * step;
    for (Time frame = first; frame <= t; frame += step)
      wanted.state.push_back(frame);
    // Forecasts overlap: what the one before has asked for is not asked for again.
    if (!wanted.forcing.empty() && first <= wanted.forcing.back() && (wanted.forcing.back() - first) % step == 0)
      first = wanted.forcing.back() + step;
    for (Time frame = first; frame < t + steps * step; frame += step) {
      if (wanted.forcing.size() == most)
        fail("inference", fmt::format("asks for more than {} times", most), "look for a mistyped date or length");
      wanted.forcing.push_back(frame);
    }
  }
  return wanted;
}

void check_times(DataPlan const& plan, TimesWanted const& wanted, Problems& problems)
{
  // Groups that share files are looked through once, for the times of all.
  struct Shared {
    FieldGroup const* group;
    std::vector<Time> times;
  };
  std::map<std::pair<std::size_t, std::string>, Shared> shared;
  auto const& sources = plan.config.sources;
  for (std::size_t s = 0; s < sources.size(); ++s)
    for (auto const& group : sources[s].groups) {
      if (sources[s].kind != SourceConfig::Kind::local)
        continue;
      auto& times = shared.emplace(std::make_pair(s, group.path), Shared{&group, {}}).first->second.times;
      auto const& own = group.type == FieldType::prognostic        ? wanted.state
                        : group.type == FieldType::dynamic_forcing ? wanted.forcing
                        : group.type == FieldType::diagnostic      ? wanted.truth
                                                                   : std::vector<Time>{};
      times.insert(times.end(), own.begin(), own.end());
    }
  for (std::size_t s = 0; s < sources.size(); ++s)
    for (auto const& choice : sources[s].select)
      expect_dimension(sources[s], choice.first, problems);
  std::map<std::pair<std::size_t, std::string>, std::vector<Time>> examined;
  for (auto& [place, s] : shared) {
    sort_and_unite(s.times);
    if (s.times.empty() && s.group->type != FieldType::fixed)
      continue;
    examined[place] = examine(sources[place.first], *s.group, s.times, problems);
  }
  if (plan.grid.latitude.empty())
    return;
  Dataset data(plan, Box{0, 1, 0, 1});
  std::set<std::string> seen;
  for (auto const* list : {&plan.schema.input, &plan.schema.target})
    for (auto const& entry : *list) {
      auto const& source = sources[static_cast<std::size_t>(entry.source)];
      if (!seen.insert(entry.key).second)
        continue;
      auto const& path = source.groups[static_cast<std::size_t>(entry.group)].path;
      auto times = examined[{static_cast<std::size_t>(entry.source), path}];
      if (entry.type == FieldType::fixed)
        times.assign(1, 0);
      else if (source.kind == SourceConfig::Kind::solar && !wanted.forcing.empty())
        times.assign(1, wanted.forcing.front());
      for (Time const t : times)
        try {
          data.raw(entry, t);
        } catch (Error const& e) {
          problems.add(e);
        }
    }
}

} // namespace rossby
