// Keys that second-generation decks had under other names, or in other places, when some of CREDIT's own were written.
#include "first_generation_parts.hpp"

#include <fmt/format.h>

namespace rossby::first_generation {

namespace {
void rename(Work& work, std::string const& from, std::string const& to)
{
  if (work.out.has(from) && work.out.has(to))
    return;
  if (work.out.has(from))
    work.out.move(from, to);
  else if (!work.out.erase(from)) // null
    return;
  work.problems.warning(from, fmt::format("is an older name of {}", to), "rename it");
}

/// preblocks: {norm: {type: ...}}, without a phase.
void put_into_phase(Work& work, std::string const& key)
{
  auto const blocks = work.old[key];
  if (!blocks.is_map())
    return;
  for (auto const& [name, block] : blocks.entries())
    if (name != "per_step" && name != "ic_only" && name != "post_rollout" && block.is_map() && block.has("type")) {
      work.out.move(key + "." + name, key + ".per_step." + name);
      work.problems.warning(key + "." + name, "stands outside of a phase, as in older decks: per_step is meant",
                            fmt::format("move it to {}.per_step.{}", key, name));
    }
}

/// Days from start_date to end_date, and on each the same times.
void put_initial_times(Work& work, std::string const& place)
{
  DeckBlock const old(work.old["inference"]["batch_forecast"]["initialization"], work.problems);
  if (!old.node().is_map())
    return;
  std::string start, end, step = "1d";
  std::vector<std::string> hours{"00:00"};
  old.require("start_date", start);
  end = start;
  old("end_date", end);
  old("date_interval", step);
  old("times", hours);
  std::vector<Time> times;
  old.attempt([&] {
    Time const last = parse_time(end, old.path("end_date"));
    Duration const interval = parse_duration(step, old.path("date_interval"));
    for (Time day = parse_time(start, old.path("start_date")); day <= last; day += interval)
      for (auto const& hour : hours)
        times.push_back(parse_time(format_time(day, "%Y-%m-%d ") + hour, old.path("times")));
  });
  work.out.erase(place + ".initialization");
  std::vector<std::string> texts;
  for (Time const t : times)
    texts.push_back(format_time(t));
  work.out.set_texts(place + ".init_times", texts, old.node().path());
  work.problems.warning(old.node().path(), "is an older form of first_init_date, last_init_date and init_interval");
}
} // namespace

void translate_older_spellings(Work& work)
{
  for (char const* key : {"preblocks", "postblocks"})
    put_into_phase(work, key);
  auto const inference = work.old["inference"];
  if (!inference.is_map())
    return;
  rename(work, "inference.batch_forecast.length", "inference.batch_forecast.forecast_length");
  rename(work, "inference.single_forecast.length", "inference.single_forecast.forecast_length");
  rename(work, "inference.output.output_freq", "inference.output.output_interval");
  if (inference["batch_forecast"].is_map() && inference["batch_forecast"].has("initialization"))
    put_initial_times(work, "inference.batch_forecast");
  if (inference["output"].is_map() && inference["output"]["encoding"].is_map() &&
      inference["output"]["encoding"]["default"].is_map())
    for (auto const& [key, value] : inference["output"]["encoding"]["default"].entries())
      rename(work, "inference.output.encoding.default." + key, "inference.output.encoding." + key);
  if (work.out.has("inference.output.encoding.default"))
    work.out.erase("inference.output.encoding.default");
  if (work.out.has("inference.num_save_workers")) {
    work.out.erase("inference.num_save_workers");
    work.problems.warning("inference.num_save_workers", "is ignored: each rank writes its own forecasts");
  }
}

} // namespace rossby::first_generation
