#include "train/config.hpp"

#include <rossby/core/deck_block.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rossby {

namespace {
/// Reads a duration like "6h" where the key is there.
bool read_duration(DeckBlock const& block, std::string const& key, Duration& value)
{
  std::string text;
  return block(key, text) && block.attempt([&] { value = parse_duration(text, block.path(key)); });
}

bool read_time(DeckBlock const& block, std::string const& key, Calendar calendar, Time& value)
{
  std::string text;
  return block(key, text) && block.attempt([&] { value = parse_time(text, block.path(key), calendar); });
}

void require(DeckBlock const& block, std::string const& key, std::string const& example)
{
  if (!block.has(key))
    block.problems().error(block.path(key), "is missing", "add it, for instance " + example);
}

void read_encoding_of_one(DeckBlock const& block, EncodingConfig& e)
{
  block.choice("dtype", e.dtype, {{"float32", DType::float32}, {"float64", DType::float64}});
  block("zlib", e.zlib);
  block.in_range("complevel", e.complevel, 0, 9, "a level from 0 to 9");
  block("shuffle", e.shuffle);
  block("fletcher32", e.fletcher32);
  bool contiguous = false;
  if (block("contiguous", contiguous) && contiguous && (e.zlib || e.fletcher32))
    block.problems().error(block.path("contiguous"), "compressed or checksummed data can't be contiguous",
                           "remove it, or switch zlib and fletcher32 off");
  std::vector<std::int64_t> chunks;
  if (block("chunksizes", chunks)) {
    e.chunksizes.assign(chunks.begin(), chunks.end());
    if (std::any_of(chunks.begin(), chunks.end(), [](std::int64_t n) { return n < 1; }))
      block.problems().error(block.path("chunksizes"), "holds a length below 1", "give lengths of 1 or more");
  }
}

void read_encoding(DeckBlock const& block, OutputConfig& c)
{
  static std::set<std::string> const general{"dtype",      "zlib",       "complevel", "shuffle",
                                             "fletcher32", "contiguous", "chunksizes"};
  read_encoding_of_one(block, c.encoding);
  block.attempt([&] {
    for (auto const& [key, node] : block.node().entries())
      if (!general.count(key) && node.is_map()) {
        EncodingConfig e = c.encoding;
        read_encoding_of_one(DeckBlock(node, block.problems()), e);
        c.encodings.emplace_back(key, e);
      }
  });
}

void read_variables(DeckBlock const& block, OutputConfig& c)
{
  block.attempt([&] {
    for (auto const& item : block.child("variables").items()) {
      OutputConfig::Variable v;
      if (item.is_scalar()) {
        v.name = item.as<std::string>();
      } else {
        DeckBlock const entry(item, block.problems());
        entry.require("name", v.name);
        std::vector<double> levels;
        if (entry("levels", levels))
          v.levels = levels;
      }
      c.variables.push_back(std::move(v));
    }
  });
}

void read_output(DeckBlock const& block, OutputConfig& c)
{
  block.choice("format", c.zarr, {{"netcdf", false}, {"zarr", true}});
  read_duration(block, "output_interval", c.output_interval);
  using Group = OutputConfig::Group;
  block.choice("group_by", c.group_by,
               {{"step", Group::step},
                {"day", Group::day},
                {"1d", Group::day},
                {"d", Group::day},
                {"daily", Group::day},
                {"month", Group::month},
                {"monthly", Group::month},
                {"year", Group::year},
                {"yearly", Group::year},
                {"full", Group::full}});
  read_variables(block, c);
  block("metadata", c.metadata);
  read_encoding(block.block("encoding"), c);
  auto const only_netcdf = [](EncodingConfig const& e) { return e.fletcher32 || !e.chunksizes.empty(); };
  bool found = only_netcdf(c.encoding);
  for (auto const& [name, e] : c.encodings)
    found = found || only_netcdf(e);
  if (c.zarr && found)
    block.problems().error(block.path("encoding"),
                           "chunksizes and fletcher32 are netCDF's; a store has a chunk for each "
                           "field of one time and level",
                           "remove them, or set format to netcdf");
  block.ignore("max_pending", "each rank writes its own forecasts, one after the other");
}

/// Rossby's own key: every initial time, where they don't lie at equal distances.
void read_init_times(DeckBlock const& block, InferenceConfig& c)
{
  block.attempt([&] {
    for (auto const& item : block.child("init_times").items())
      c.init_times.push_back(parse_time(item.as<std::string>(), item.path()));
  });
  for (char const* key : {"first_init_date", "last_init_date", "init_interval"})
    if (block.has(key)) {
      block.child(key).mark_read();
      block.problems().error(block.path(key), "and init_times exclude each other", "keep one of them");
    }
  if (c.init_times.empty())
    block.problems().error(block.path("init_times"), "names no time", "give a list of times");
  else
    c.first_init = *std::min_element(c.init_times.begin(), c.init_times.end());
  c.last_init = c.first_init;
}

void read_batch(DeckBlock const& block, InferenceConfig& c)
{
  require(block, "forecast_length", "10d");
  if (block.has("init_times")) {
    read_duration(block, "forecast_length", c.forecast_length);
    return read_init_times(block, c);
  }
  require(block, "first_init_date", "2020-01-01");
  read_duration(block, "forecast_length", c.forecast_length);
  bool const first = read_time(block, "first_init_date", c.calendar, c.first_init);
  c.last_init = c.first_init;
  bool const last = read_time(block, "last_init_date", c.calendar, c.last_init);
  if (c.last_init > c.first_init)
    require(block, "init_interval", "24h");
  read_duration(block, "init_interval", c.init_interval);
  if (first && last && c.last_init < c.first_init)
    block.problems().error(block.path("last_init_date"), "is earlier than first_init_date", "exchange the two");
  constexpr std::int64_t most = 10000000;
  if (c.init_interval > 0 && (c.last_init - c.first_init) / c.init_interval > most) {
    block.problems().error(block.path("last_init_date"), fmt::format("gives more than {} forecasts", most),
                           "look for a mistyped year");
    c.last_init = c.first_init;
  }
}

void read_single(DeckBlock const& block, InferenceConfig& c)
{
  require(block, "forecast_length", "10d");
  require(block, "start_datetime", "2020-06-01T00:00Z");
  read_duration(block, "forecast_length", c.forecast_length);
  read_time(block, "start_datetime", c.calendar, c.first_init);
  c.last_init = c.first_init;
  block.refuse("init_data", "initial states from other services are not offered", "point inference.data at files");
}
} // namespace

EncodingConfig const& OutputConfig::encoding_of(std::string const& key, std::string const& short_name) const
{
  for (auto const& [name, e] : encodings)
    if (name == key || name == short_name)
      return e;
  return encoding;
}

std::vector<Time> InferenceConfig::initial_times() const
{
  if (!init_times.empty())
    return init_times;
  std::vector<Time> times{first_init};
  while (init_interval > 0 && times.back() + init_interval <= last_init)
    times.push_back(times.back() + init_interval);
  return times;
}

InferenceConfig InferenceConfig::read(DeckNode const& node, Calendar calendar, Problems& problems)
{
  InferenceConfig c;
  c.calendar = calendar;
  DeckBlock const block(node, problems);
  if (!node.exists()) {
    problems.error(node.path(), "the block is missing",
                   "add an inference: block with save_forecast and batch_forecast");
    return c;
  }
  block.choice("run_mode", c.single, {{"batch", false}, {"single", true}});
  block.ignore("mode", "ranks share forecasts as trainer.parallelism says");
  block.require("save_forecast", c.save_forecast, "name a folder for the forecasts");
  auto const batch = block.block("batch_forecast"), single = block.block("single_forecast");
  if (c.single) {
    read_single(single, c);
    batch.node().mark_read();
  } else {
    read_batch(batch, c);
    single.node().mark_read();
  }
  block.choice("weights", c.weights, {{"ema", Weights::ema}, {"raw", Weights::raw}});
  read_output(block.block("output"), c.output);
  int ensemble = 1;
  if (block("ensemble_size", ensemble) && ensemble != 1)
    problems.error(block.path("ensemble_size"), "ensembles are not offered", "set it to 1");
  return c;
}

} // namespace rossby
