#include "data/made_up.hpp"

#include "io/netcdf.hpp"
#include "io/replace.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>

namespace rossby {

namespace {
/// A smooth field between -1 and 1, of its own for each variable and level.
double wave(std::string const& variable, std::size_t level, Time t, double latitude, double longitude)
{
  double const phase = static_cast<double>(std::hash<std::string>{}(variable) % 628) / 100;
  double const hours = static_cast<double>(t % (Time{86400} * 365)) / 3600;
  double const radians = std::acos(-1.0) / 180;
  return std::sin(phase + 2 * longitude * radians - 0.26 * hours + 0.4 * static_cast<double>(level)) *
         (0.2 + 0.8 * std::cos(latitude * radians));
}

std::vector<double> axis(double first, double last, index_t n)
{
  std::vector<double> values(static_cast<std::size_t>(n), first);
  for (index_t i = 1; i < n; ++i)
    values[static_cast<std::size_t>(i)] = first + (last - first) * static_cast<double>(i) / static_cast<double>(n - 1);
  return values;
}

/// Where made-up arrays go: each is written a slab of its leading index at a time.
class Sink {
public:
  struct Array {
    std::string name;
    std::vector<std::string> dimensions;
    Shape shape;
    char type = 'f'; ///< f: float32, d: float64, i: int64
    std::vector<std::pair<std::string, std::string>> attributes = {};
  };
  virtual ~Sink() = default;
  virtual void define(std::vector<Array> const&) = 0;
  virtual void write(Array const&, Shape const& start, Shape const& count, std::vector<double> const&) = 0;
  virtual void close() = 0;
};

class NetcdfSink : public Sink {
public:
  explicit NetcdfSink(std::string const& path) : out_(path) {}
  void define(std::vector<Array> const& arrays) override
  {
    std::set<std::string> known;
    for (auto const& a : arrays)
      for (std::size_t d = 0; d < a.dimensions.size(); ++d)
        if (known.insert(a.dimensions[d]).second)
          out_.dimension(a.dimensions[d], a.shape[d]);
    for (auto const& a : arrays) {
      out_.variable(a.name,
                    a.type == 'f'   ? io::NetcdfType::float32
                    : a.type == 'd' ? io::NetcdfType::float64
                                    : io::NetcdfType::int64,
                    a.dimensions);
      for (auto const& [key, value] : a.attributes)
        out_.attribute(a.name, key, value);
    }
  }
  void write(Array const& a, Shape const& start, Shape const& count, std::vector<double> const& values) override
  {
    if (a.shape.empty())
      out_.write(a.name, values);
    else
      out_.write(a.name, start, count, values);
  }
  void close() override { out_.close(); }

private:
  io::NetcdfWriter out_;
};

/// A Zarr store of version 2 without compression, one chunk for each slab.
class ZarrSink : public Sink {
public:
  explicit ZarrSink(std::string path) : path_(std::move(path)) {}
  void define(std::vector<Array> const& arrays) override
  {
    put("/.zgroup", "{\"zarr_format\": 2}");
    for (auto const& a : arrays) {
      std::filesystem::create_directories(path_ + "/" + a.name);
      auto chunks = a.shape;
      if (chunks.size() > 2)
        std::fill_n(chunks.begin(), chunks.size() - 2, 1);
      put("/" + a.name + "/.zarray",
          fmt::format("{{\"zarr_format\": 2, \"shape\": [{}], \"chunks\": [{}], \"dtype\": \"{}\", \"order\": \"C\", "
                      "\"fill_value\": null, \"compressor\": null, \"filters\": null}}",
                      fmt::join(a.shape, ", "), fmt::join(chunks, ", "),
                      a.type == 'f' ? "<f4" : (a.type == 'd' ? "<f8" : "<i8")));
      std::string attributes = fmt::format("{{\"_ARRAY_DIMENSIONS\": [{}]", quoted(a.dimensions));
      for (auto const& [key, value] : a.attributes)
        attributes += fmt::format(", \"{}\": \"{}\"", key, value);
      put("/" + a.name + "/.zattrs", attributes + "}");
    }
  }
  void write(Array const& a, Shape const& start, Shape const&, std::vector<double> const& values) override
  {
    std::string const key = start.empty() ? "0" : fmt::format("{}", fmt::join(start, "."));
    std::string bytes;
    for (double const v : values) {
      auto const append = [&](auto x) { bytes.append(reinterpret_cast<char const*>(&x), sizeof x); };
      if (a.type == 'f')
        append(static_cast<float>(v));
      else if (a.type == 'd')
        append(v);
      else
        append(static_cast<std::int64_t>(v));
    }
    put("/" + a.name + "/" + key, bytes);
  }
  void close() override {}

private:
  static std::string quoted(std::vector<std::string> const& words)
  {
    std::string text;
    for (auto const& word : words)
      text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", word);
    return text;
  }
  void put(std::string const& name, std::string const& bytes) const
  {
    std::filesystem::create_directories(path_);
    std::ofstream out(path_ + name, std::ios::binary);
    if (!(out << bytes).flush())
      fail(path_ + name, "can't be written");
  }
  std::string path_;
};

std::unique_ptr<Sink> sink_for(std::string const& path)
{
  if (std::filesystem::path(path).extension() == ".zarr")
    return std::make_unique<ZarrSink>(path);
  return std::make_unique<NetcdfSink>(path);
}

void write_fields(MadeUpPlan const& plan, std::string const& path, MadeUpPlan::File const& file)
{
  auto const latitude = axis(90, -90, plan.height),
             longitude = axis(0, 360 - 360.0 / static_cast<double>(plan.width), plan.width);
  auto levels = file.levels;
  if (levels.empty())
    for (index_t k = 0; k < plan.n_levels; ++k)
      levels.push_back(static_cast<double>(k + 1));
  bool const with_levels =
      std::any_of(file.variables.begin(), file.variables.end(), [](auto const& v) { return v.second.with_levels; });
  std::vector<Sink::Array> arrays{{"latitude", {"latitude"}, {plan.height}, 'd', {{"units", "degrees_north"}}},
                                  {"longitude", {"longitude"}, {plan.width}, 'd', {{"units", "degrees_east"}}}};
  std::vector<std::vector<double>> axes{latitude, longitude};
  if (with_levels) {
    arrays.push_back({file.level_coord, {file.level_coord}, {static_cast<index_t>(levels.size())}, 'd'});
    axes.push_back(levels);
  }
  if (!file.times.empty()) {
    arrays.push_back({file.time_coord,
                      {file.time_coord},
                      {static_cast<index_t>(file.times.size())},
                      'i',
                      {{"units", "seconds since 1970-01-01 00:00:00"}, {"calendar", "proleptic_gregorian"}}});
    axes.emplace_back(file.times.begin(), file.times.end());
  }
  for (auto const& [name, values] : file.lists)
    if (!with_levels || name != file.level_coord) {
      auto const n = static_cast<index_t>(values.size());
      arrays.push_back({name, {fmt::format("n{}", n)}, {n}, 'd'});
      axes.push_back(values);
    }
  for (auto const& [name, v] : file.variables) {
    Sink::Array a{name, {}, {}, 'f'};
    if (v.with_time)
      a.dimensions.push_back(file.time_coord), a.shape.push_back(static_cast<index_t>(file.times.size()));
    if (v.with_levels)
      a.dimensions.push_back(file.level_coord), a.shape.push_back(static_cast<index_t>(levels.size()));
    a.dimensions.insert(a.dimensions.end(), {"latitude", "longitude"});
    a.shape.insert(a.shape.end(), {plan.height, plan.width});
    arrays.push_back(std::move(a));
  }
  std::vector<Time> const times(file.times.begin(), file.times.end());
  auto const sink = sink_for(path);
  sink->define(arrays);
  for (std::size_t i = 0; i < axes.size(); ++i)
    sink->write(arrays[i], {0}, arrays[i].shape, axes[i]);
  for (std::size_t i = axes.size(); i < arrays.size(); ++i) {
    auto const& v = file.variables.at(arrays[i].name);
    std::size_t const n_times = v.with_time ? file.times.size() : 1, n_levels = v.with_levels ? levels.size() : 1;
    for (std::size_t t = 0; t < n_times; ++t)
      for (std::size_t k = 0; k < n_levels; ++k) {
        std::vector<double> field;
        field.reserve(latitude.size() * longitude.size());
        for (double const lat : latitude)
          for (double const lon : longitude) {
            using Values = MadeUpPlan::Variable::Values;
            double const w = wave(arrays[i].name, k, v.with_time ? times[t] : 0, lat, lon);
            field.push_back(v.values == Values::latitude    ? lat
                            : v.values == Values::longitude ? lon
                            : v.with_time                   ? 10 + 2 * w
                                                            : 0.5 + 0.5 * w);
          }
        Shape start, count;
        if (v.with_time)
          start.push_back(static_cast<index_t>(t)), count.push_back(1);
        if (v.with_levels)
          start.push_back(static_cast<index_t>(k)), count.push_back(1);
        start.insert(start.end(), {0, 0});
        count.insert(count.end(), {plan.height, plan.width});
        sink->write(arrays[i], start, count, field);
      }
  }
  sink->close();
}

void write_statistics(std::string const& path, double value, index_t n_levels,
                      std::vector<std::string> const& with_levels, std::vector<std::string> const& without)
{
  auto const sink = sink_for(path);
  std::vector<Sink::Array> arrays;
  for (auto const& name : with_levels)
    arrays.push_back({name, {"level"}, {n_levels}, 'd'});
  for (auto const& name : without)
    arrays.push_back({name, {}, {}, 'd'});
  sink->define(arrays);
  for (auto const& a : arrays)
    sink->write(a, Shape(a.shape.size(), 0), a.shape,
                std::vector<double>(a.shape.empty() ? 1 : static_cast<std::size_t>(n_levels), value));
  sink->close();
}
} // namespace

std::vector<std::string> write_made_up(MadeUpPlan const& plan)
{
  namespace fs = std::filesystem;
  std::vector<std::string> written;
  auto const is_new = [&](std::string const& path) {
    if (path.empty() || fs::exists(path))
      return false;
    if (auto const folder = fs::path(path).parent_path(); !folder.empty())
      fs::create_directories(folder);
    written.push_back(path);
    return true;
  };
  for (auto const& [path, file] : plan.files)
    if (is_new(path))
      write_fields(plan, path, file);
  for (auto const& [path, text] : plan.texts)
    if (is_new(path))
      io::replace_text(path, text);
  static std::vector<std::string> const none;
  for (auto const& [path, names] : plan.levels)
    if (is_new(path)) {
      auto const flat = plan.scalars.find(path);
      bool const deviations = fs::path(path).filename().string().find("std") != std::string::npos;
      write_statistics(path, deviations ? 1 : 10, std::max<index_t>(plan.n_levels, 1), names,
                       flat == plan.scalars.end() ? none : flat->second);
    }
  return written;
}

} // namespace rossby
