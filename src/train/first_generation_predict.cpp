// `predict:` becomes `inference:`. Initial times at equal distances are written as the second generation has them,
// others one by one.
#include "first_generation_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rossby::first_generation {

namespace {
/// Initial times and lengths of the forecasts.
struct Forecasts {
  std::vector<Time> starts;
  Duration length = 0;
};

void read_custom(Work& work, DeckBlock const& f, Forecasts& result)
{
  int year = 0, month = 1, day = 1, days = 10, duration = 365, interval = 1;
  std::vector<int> hours{0};
  f.require("start_year", year, "name the year of the first forecast");
  f.in_range("start_month", month, 1, 12, "a month");
  f.in_range("start_day", day, 1, 31, "a day");
  f("start_hours", hours);
  f.in_range("days", days, 1, 100000, "1 or more");
  f.in_range("duration", duration, 1, 100000, "1 or more");
  f.in_range("ic_interval_days", interval, 1, 100000, "1 or more");
  if (year == 0)
    return;
  result.length = Duration{86400} * days;
  for (int i = 0; i < duration / interval; ++i)
    for (int const hour : hours)
      result.starts.push_back(time_of({year, month, day}) + Duration{86400} * i * interval + Duration{3600} * hour);
  if (result.starts.empty())
    work.problems.error(f.path("duration"), "leaves no forecast: it is shorter than ic_interval_days",
                        "make it at least as long");
}

void read_list(Work& work, DeckNode const& list, Forecasts& result)
{
  for (auto const& item : list.items()) {
    auto const both = item.as<std::vector<std::string>>();
    if (both.size() != 2)
      item.reject("is not a pair [start, end]");
    Time const start = parse_time(both[0], item.path()), end = parse_time(both[1], item.path());
    Duration const length = end - start + work.timestep; // the last record is valid at the end and one step long
    if (length <= 0)
      item.reject("ends before it starts");
    if (result.length != 0 && length != result.length)
      item.reject("is of another length than the first: forecasts of one run are equally long",
                  "put forecasts of other lengths in another deck");
    result.length = length;
    result.starts.push_back(start);
  }
}

void put_times(Work& work, Forecasts f, std::string const& written)
{
  auto& out = work.out;
  std::sort(f.starts.begin(), f.starts.end());
  std::string const place = "inference.batch_forecast";
  out.set_text(place + ".forecast_length", format_duration(f.length), written);
  auto const text = [](Time t) { return format_time(t, "%Y-%m-%dT%H:%M:%S"); };
  Duration const step = f.starts.size() > 1 ? f.starts[1] - f.starts[0] : 0;
  bool even = step > 0 || f.starts.size() == 1;
  for (std::size_t i = 1; i < f.starts.size(); ++i)
    even = even && f.starts[i] - f.starts[i - 1] == step;
  if (even) {
    out.set_text(place + ".first_init_date", text(f.starts.front()), written);
    out.set_text(place + ".last_init_date", text(f.starts.back()), written);
    if (step > 0)
      out.set_text(place + ".init_interval", format_duration(step), written);
  } else {
    std::vector<std::string> times;
    for (Time const t : f.starts)
      times.push_back(text(t));
    out.set_texts(place + ".init_times", times, written);
    out.comment(place + ".init_times", "one by one: they don't lie at equal distances");
  }
  out.written_as(place, written);
}

void put_encoding(Work& work, DeckBlock const& old, char const* key, std::vector<std::string> const& names)
{
  auto const node = old.child(key);
  if (!node.exists())
    return;
  for (auto const& name : names)
    work.out.copy(node, "inference.output.encoding." + name);
  node.mark_read();
}
} // namespace

void translate_predict(Work& work)
{
  DeckBlock const old(work.old["predict"], work.problems);
  if (!old.node().exists())
    return;
  auto& out = work.out;
  out.set("inference.run_mode", "batch");
  if (old.has("save_forecast"))
    out.copy(old.child("save_forecast"), "inference.save_forecast");
  out.written_as("inference", old.node().path());

  auto const node = old.child("forecasts");
  Forecasts f;
  std::size_t const before = work.problems.errors().size();
  if (!node.exists()) {
    work.problems.error(old.path("forecasts"), "is missing", "give {type: custom, start_year, days, duration}");
  } else if (node.is_map()) {
    DeckBlock const custom(node, work.problems);
    std::string type = "custom";
    custom("type", type);
    if (type == "custom" || type == "10day_year")
      read_custom(work, custom, f);
    else
      old.attempt([&] { node["type"].reject("unknown value '" + type + "'", "known: custom, 10day_year"); });
  } else {
    old.attempt([&] { read_list(work, node, f); });
  }
  node.mark_read();
  if (work.problems.errors().size() > before)
    out.fault("inference.batch_forecast", work.problems.errors()[before]);
  else if (!f.starts.empty())
    put_times(work, f, node.path());

  out.set("inference.output.format", "netcdf");
  if (auto const names = words(work, old.child("save_vars")); !names.empty())
    out.set_texts("inference.output.variables", names, old.path("save_vars"));
  auto const metadata = old.child("metadata");
  metadata.mark_read();
  if (metadata.is_scalar())
    if (auto const text = metadata.as<std::string>(); text != "false" && text != "False")
      out.copy(metadata, "inference.output.metadata");
  put_encoding(work, old, "ua_var_encoding", work.levels_of);
  put_encoding(work, old, "surface_var_encoding", work.surface_of);
  int members = 1;
  if (old("ensemble_size", members) && members != 1)
    out.copy(old.child("ensemble_size"), "inference.ensemble_size");
  bool filter = false;
  if (old("use_laplace_filter", filter) && filter)
    refuse(
        work, "inference", old.child("use_laplace_filter"),
        "the polar filter is not offered: it takes 70 channels by their numbers (four variables on 16 levels and six "
        "at the surface), whatever the deck calls them",
        "set it to false; CREDIT's forecasts are written without it too, only its scores know it");
  if (old.has("interp_pressure"))
    work.problems.warning(old.path("interp_pressure"), "is ignored: forecasts are written on the model's levels",
                          "add a pressure_interp_diagnostic postblock to a second-generation deck");
  old.node().mark_read(); // mode, batch_size, realtime, climate runs and the like: of other programs
}

} // namespace rossby::first_generation
