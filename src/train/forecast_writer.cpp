#include "train/forecast_writer.hpp"

#include "data/levels.hpp"
#include "io/array_reader.hpp"
#include "io/replace.hpp"
#include "io/zarr_writer.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/data/dataset.hpp>

#include "forecast_attributes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

namespace rossby {

namespace {
constexpr char const* fingerprint_name = "rossby_forecast";

std::string utc_now()
{
  std::time_t const now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

/// Levels and what they are: variables that have both alike share a dimension.
using LevelSet = std::pair<std::vector<double>, std::map<std::string, std::string>>;

LevelSet levels_of(ForecastVariable const& v) { return {v.levels, v.level_attributes}; }

std::map<LevelSet, std::string> level_dimensions(std::vector<ForecastVariable> const& variables)
{
  std::map<LevelSet, std::string> names;
  for (auto const& v : variables)
    if (v.is_3d && !names.count(levels_of(v)))
      names.emplace(levels_of(v), names.empty() ? "level" : fmt::format("level_{}", names.size() + 1));
  return names;
}

template <class File>
void define_axis(File& file, std::string const& name, index_t length, char const* axis,
                 std::map<std::string, std::string> const& attributes)
{
  file.dimension(name, length);
  file.variable(name, io::NetcdfType::float64, {name});
  file.attribute(name, "axis", std::string(axis));
  for (auto const& [key, value] : attributes)
    file.attribute(name, key, value);
}

io::NetcdfType type_of(ForecastVariable const& v)
{
  return v.encoding.dtype == DType::float64 ? io::NetcdfType::float64 : io::NetcdfType::float32;
}

/// A chunk of a store is a field of one time and level.
io::NetcdfEncoding zarr_encoding(ForecastVariable const& v, index_t height, index_t width)
{
  io::NetcdfEncoding e;
  e.deflate = v.encoding.zlib ? v.encoding.complevel : 0;
  e.chunks = v.is_3d ? Shape{1, 1, height, width} : Shape{1, height, width};
  return e;
}

bool is_zarr_name(std::string const& path) { return path.size() > 5 && path.substr(path.size() - 5) == ".zarr"; }

/// Dimensions, variables, attributes and coordinates: everything but the fields, of a netCDF file or a Zarr store.
template <class File>
void lay_out(File& file, std::vector<ForecastVariable> const& variables, Grid const& grid, Calendar calendar,
             Time initial, std::vector<Time> const& valid, std::string const& source, std::string const& fingerprint)
{
  std::map<std::string, std::string> const clock{{"units", "seconds since 1970-01-01 00:00:00"},
                                                 {"calendar", name_of(calendar)}};
  auto time = clock;
  time.insert({{"standard_name", "time"}, {"long_name", "valid time"}});
  define_axis(file, "time", static_cast<index_t>(valid.size()), "T", time);
  auto const levels = level_dimensions(variables);
  for (auto const& [set, name] : levels)
    define_axis(file, name, static_cast<index_t>(set.first.size()), "Z", set.second);
  define_axis(file, "latitude", grid.height(), "Y", {{"standard_name", "latitude"}, {"units", "degrees_north"}});
  define_axis(file, "longitude", grid.width(), "X", {{"standard_name", "longitude"}, {"units", "degrees_east"}});
  file.variable("forecast_reference_time", io::NetcdfType::float64, {});
  for (auto const& [key, value] : clock)
    file.attribute("forecast_reference_time", key, value);
  file.attribute("forecast_reference_time", "standard_name", "forecast_reference_time");
  file.variable("lead_time", io::NetcdfType::float64, {"time"});
  file.attribute("lead_time", "standard_name", "forecast_period");
  file.attribute("lead_time", "long_name", "time since the start of the forecast");
  file.attribute("lead_time", "units", "hours");
  std::map<std::string, index_t> lengths{
      {"time", static_cast<index_t>(valid.size())}, {"latitude", grid.height()}, {"longitude", grid.width()}};
  for (auto const& [set, name] : levels)
    lengths[name] = static_cast<index_t>(set.first.size());
  for (auto const& v : variables) {
    std::vector<std::string> dimensions{"time", "latitude", "longitude"};
    if (v.is_3d)
      dimensions.insert(dimensions.begin() + 1, levels.at(levels_of(v)));
    Shape chunks = v.encoding.chunksizes;
    if constexpr (std::is_same_v<File, io::ZarrWriter>)
      chunks = zarr_encoding(v, grid.height(), grid.width()).chunks;
    for (std::size_t d = 0; d < chunks.size(); ++d) // at most the whole axis
      chunks[d] = std::min(chunks[d], lengths.at(dimensions[d]));
    file.variable(
        v.name, type_of(v), dimensions,
        {v.encoding.zlib ? v.encoding.complevel : 0, v.encoding.shuffle, v.encoding.fletcher32, chunks, true});
    for (auto const& [key, value] : v.attributes)
      file.attribute(v.name, key, value);
    file.attribute(v.name, "coordinates", std::string("lead_time forecast_reference_time"));
  }
  file.attribute("", "Conventions", "CF-1.11");
  file.attribute("", "title", "Forecast from " + format_time(initial, calendar) + " UTC");
  file.attribute("", "source", source);
  if (!fingerprint.empty())
    file.attribute("", fingerprint_name, fingerprint);
  file.attribute("", "history", utc_now() + " written by rossby forecast");

  std::vector<double> const when(valid.begin(), valid.end());
  file.write("time", when);
  for (auto const& [set, name] : levels)
    file.write(name, set.first);
  file.write("latitude", grid.latitude);
  file.write("longitude", grid.longitude);
  file.write("forecast_reference_time", {static_cast<double>(initial)});
  std::vector<double> lead;
  for (auto const t : valid)
    lead.push_back(static_cast<double>(t - initial) / 3600);
  file.write("lead_time", lead);
}

void expect_float32(std::string const& file, std::string const& variable, std::vector<double> const& values)
{
  for (double const x : values)
    if (std::fabs(x) > std::numeric_limits<float>::max())
      fail(file + ", variable " + variable, fmt::format("the forecast holds {:g}, which float32 can't", x),
           "the model has run away: train it further, or write float64 to see how (inference.output.encoding.dtype)");
}

/// HDF5 lets ranks write on their own only what lies in the file as it is.
bool can_be_shared(std::vector<ForecastVariable> const& variables)
{
  return std::none_of(variables.begin(), variables.end(), [](auto const& v) {
    return v.encoding.zlib || v.encoding.fletcher32 || !v.encoding.chunksizes.empty();
  });
}
} // namespace

namespace {
/// What a forecast holds: the output's variables and those that postblocks add, some in place of the output's.
std::vector<SchemaEntry> variables_of(DataPlan const& plan)
{
  auto variables = plan.schema.target;
  for (auto const& added : plan.transforms.derived) {
    auto const same =
        std::find_if(variables.begin(), variables.end(), [&](auto const& e) { return e.key == added.key; });
    if (same != variables.end())
      *same = added;
    else
      variables.push_back(added);
  }
  return variables;
}
} // namespace

std::vector<ForecastVariable> forecast_variables(OutputConfig const& config, Dataset& data, Time time)
{
  auto const target = variables_of(data.plan());
  auto const& sources = data.plan().config.sources;
  std::vector<std::pair<SchemaEntry const*, OutputConfig::Variable>> wanted;
  if (config.variables.empty())
    for (auto const& entry : target)
      wanted.push_back({&entry, {entry.key, {}}});
  for (auto const& v : config.variables) {
    auto const found = std::find_if(target.begin(), target.end(),
                                    [&](auto const& e) { return e.key == v.name || e.variable == v.name; });
    if (found == target.end())
      fail("inference.output.variables", fmt::format("'{}' is not an output variable", v.name),
           "use a name of the data block's prognostic or diagnostic variables, or of what postblocks add");
    wanted.push_back({&*found, v});
  }
  std::vector<ForecastVariable> result;
  for (auto const& [entry, choice] : wanted) {
    ForecastVariable v;
    auto const same_name = std::count_if(target.begin(), target.end(),
                                         [name = entry->variable](auto const& e) { return e.variable == name; });
    v.key = entry->key;
    v.name =
        same_name > 1 ? sources[static_cast<std::size_t>(entry->source)].name + "_" + entry->variable : entry->variable;
    v.is_3d = entry->is_3d;
    std::vector<index_t> positions(entry->levels.size());
    std::iota(positions.begin(), positions.end(), index_t(0));
    if (choice.levels)
      positions = match_levels({entry->levels, entry->vertical.units, {}, {}, {}, false}, *choice.levels,
                               {entry->vertical.units, false}, "inference.output.variables, " + entry->key,
                               "use levels of the data block")
                      .positions;
    for (index_t const position : positions) {
      v.levels.push_back(entry->levels[static_cast<std::size_t>(position)]);
      v.channels.push_back(entry->first_channel + position);
    }
    v.encoding = config.encoding_of(entry->key, entry->variable);
    std::size_t const axes = v.is_3d ? 4 : 3, chunks = v.encoding.chunksizes.size();
    if (chunks != 0 && chunks != axes)
      fail("inference.output.encoding.chunksizes",
           fmt::format("has {} lengths, but {} has {} dimensions", chunks, v.name, axes),
           fmt::format("give {} lengths of its own: encoding: {{{}: {{chunksizes: [...]}}}}", v.name, v.name));
    describe(v, config.metadata, *entry, data, time);
    result.push_back(std::move(v));
  }
  return result;
}

bool is_written(std::string const& path, std::string const& fingerprint)
{
  if (!std::filesystem::exists(path))
    return false;
  try {
    return io::ArrayReader(path).text("", fingerprint_name) == fingerprint;
  } catch (Error const&) {
    return false; // it is written again
  }
}

ForecastWriter::ForecastWriter(std::string const& path, std::vector<ForecastVariable> const& variables, Place place,
                               Time initial, std::vector<Time> const& valid, std::string const& source,
                               std::string const& fingerprint)
    : path_(path), variables_(variables), tile_(place.tile), height_(place.grid.height()), width_(place.grid.width()),
      ranks_(place.ranks), zarr_(is_zarr_name(path))
{
  std::vector<double> edges;
  for (index_t const edge : {tile_.row0, tile_.row1, tile_.col0, tile_.col1})
    edges.push_back(static_cast<double>(edge));
  edges = ranks_.all_gather(edges);
  for (auto e = edges.begin(); e != edges.end(); e += 4)
    tiles_.push_back({static_cast<index_t>(e[0]), static_cast<index_t>(e[1]), static_cast<index_t>(e[2]),
                      static_cast<index_t>(e[3])});
  if (zarr_) {
    together([&] {
      if (ranks_.rank() != 0)
        return;
      io::ZarrWriter store(path);
      lay_out(store, variables, place.grid, place.calendar, initial, valid, source, fingerprint);
      store.close();
    });
    return;
  }
  bool const share = can_be_shared(variables);
  std::string const unfinished = io::unfinished_name(path);
  together([&] {
    if (ranks_.rank() != 0)
      return;
    whole_ = std::make_unique<io::NetcdfWriter>(share ? unfinished : path);
    lay_out(*whole_, variables, place.grid, place.calendar, initial, valid, source, fingerprint);
    if (!share)
      return;
    // One element gives a variable its place in the file: filling the rest changes nothing else there.
    for (auto const& v : variables)
      whole_->write(v.name, Shape(v.is_3d ? 4 : 3, 0), Shape(v.is_3d ? 4 : 3, 1), std::vector<double>{0});
    whole_->close();
    whole_.reset();
  });
  if (share)
    together([&] { shared_ = std::make_unique<io::Hdf5File>(io::Hdf5File::open_fill(unfinished, ranks_)); });
}

ForecastWriter::~ForecastWriter()
{
  if (closed_)
    return;
  // Closing a shared file is collective. When only this rank gives up, the others don't come, and the job will end.
  if (!failed_)
    shared_.release();
  shared_.reset();
  whole_.reset();
  if (ranks_.rank() == 0 && zarr_)
    io::discard_zarr(path_);
  else if (ranks_.rank() == 0)
    io::discard_unfinished(path_);
}

template <class F> void ForecastWriter::together(F&& f)
{
  failed_ = true; // unless it returns
  collectively(ranks_, std::forward<F>(f));
  failed_ = false;
}

void ForecastWriter::write(std::vector<double> const& physical)
{
  std::size_t const cells = static_cast<std::size_t>(tile_.cells()), channels = cells ? physical.size() / cells : 0;
  if (zarr_)
    return write_chunks(physical, channels);
  for (auto const& v : variables_) {
    std::vector<double> values;
    values.reserve(cells * v.channels.size());
    for (auto const c : v.channels)
      for (std::size_t i = 0; i < cells; ++i)
        values.push_back(physical[i * channels + static_cast<std::size_t>(c)]);
    if (!shared_)
      values = of_all_tiles(static_cast<index_t>(v.channels.size()), values, 0);
    together([&] {
      if (v.encoding.dtype == DType::float32)
        expect_float32(path_, v.name, values);
      write_variable(v, shared_ ? tile_ : Box{0, height_, 0, width_}, values);
    });
  }
  ++next_;
}

void ForecastWriter::write_variable(ForecastVariable const& v, Box const& box, std::vector<double> const& values)
{
  if (values.empty()) // an empty tile, or another rank's affair
    return;
  Shape start{next_, box.row0, box.col0}, count{1, box.rows(), box.cols()};
  if (v.is_3d) {
    start.insert(start.begin() + 1, 0);
    count.insert(count.begin() + 1, static_cast<index_t>(v.channels.size()));
  }
  if (shared_)
    shared_->fill(v.name, values, {{start, count}});
  else
    whole_->write(v.name, start, count, values);
}

void ForecastWriter::write_chunks(std::vector<double> const& physical, std::size_t channels)
{
  std::vector<std::pair<ForecastVariable const*, std::size_t>> fields; // variables and their levels
  for (auto const& v : variables_)
    for (std::size_t k = 0; k < v.channels.size(); ++k)
      fields.emplace_back(&v, k);
  // As many at a time as there are ranks: each gathers one, then all compress and write at once.
  auto const ranks = static_cast<std::size_t>(ranks_.size()), rank = static_cast<std::size_t>(ranks_.rank());
  for (std::size_t first = 0; first < fields.size(); first += ranks) {
    std::vector<double> mine, tile(static_cast<std::size_t>(tile_.cells()));
    std::size_t const count = std::min(ranks, fields.size() - first);
    for (std::size_t r = 0; r < count; ++r) {
      auto const [v, k] = fields[first + r];
      for (std::size_t i = 0; i < tile.size(); ++i)
        tile[i] = physical[i * channels + static_cast<std::size_t>(v->channels[k])];
      auto whole = of_all_tiles(1, tile, static_cast<int>(r));
      if (r == rank)
        mine = std::move(whole);
    }
    together([&] {
      if (rank >= count)
        return;
      auto const [v, k] = fields[first + rank];
      if (v->encoding.dtype == DType::float32)
        expect_float32(path_, v->name, mine);
      Shape place{next_, 0, 0};
      if (v->is_3d)
        place.insert(place.begin() + 1, static_cast<index_t>(k));
      io::write_zarr_chunk(path_, v->name, place, type_of(*v), zarr_encoding(*v, height_, width_), mine);
    });
  }
  ++next_;
}

std::vector<double> ForecastWriter::of_all_tiles(index_t levels, std::vector<double> const& tile_values, int root) const
{
  auto const parts = ranks_.gather(tile_values, root);
  std::vector<double> whole;
  if (parts.empty())
    return whole;
  whole.resize(static_cast<std::size_t>(levels * height_ * width_));
  for (std::size_t r = 0; r < tiles_.size(); ++r) {
    auto from = parts[r].begin();
    for (index_t level = 0; level < levels; ++level)
      for (index_t row = tiles_[r].row0; row < tiles_[r].row1; ++row, from += tiles_[r].cols())
        std::copy(from, from + tiles_[r].cols(), whole.begin() + (level * height_ + row) * width_ + tiles_[r].col0);
  }
  return whole;
}

void ForecastWriter::close()
{
  if (zarr_)
    together([&] {
      if (ranks_.rank() == 0)
        io::finish_zarr(path_);
    });
  together([&] {
    if (shared_)
      shared_->close();
    if (whole_)
      whole_->close();
  });
  if (shared_)
    together([&] {
      if (ranks_.rank() == 0)
        io::finish_file(path_);
    });
  closed_ = true;
}

} // namespace rossby
