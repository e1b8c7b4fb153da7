#include "regridding.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rossby {

namespace {
/// Degrees, whatever the file has.
std::vector<double> read_degrees(io::ArrayReader const& reader, std::string const& name)
{
  auto values = reader.read(name);
  if (auto const units = reader.text(name, "units"); units && units->rfind("rad", 0) == 0)
    for (auto& v : values)
      v *= 180 / std::acos(-1.0);
  return values;
}

/// The rectilinear grid whose cells' centres are these, row-major in the file's order, as the model sees it.
Orientation orientation_of(std::vector<double> const& lat, std::vector<double> const& lon, std::size_t rows,
                           std::size_t columns, double first_longitude, std::string const& file)
{
  constexpr double tolerance = 1e-5; // degrees
  for (std::size_t i = 0; i < lat.size(); ++i)
    if (std::fabs(lat[i] - lat[i / columns * columns]) > tolerance || std::fabs(lon[i] - lon[i % columns]) > tolerance)
      fail(file, "leads to a curvilinear grid", "make weights for a grid of latitudes and longitudes");
  for (auto const* const axis : {&lat, &lon})
    for (double const x : *axis)
      if (!(std::fabs(x) <= 720))
        fail(file, fmt::format("holds the coordinate {:g}, which is not an angle in degrees", x),
             "make the weights anew");
  Orientation o;
  o.height = static_cast<index_t>(rows), o.width = static_cast<index_t>(columns);
  o.flip = lat.front() < lat.back();
  for (std::size_t r = 0; r < rows; ++r)
    o.grid.latitude.push_back(lat[(o.flip ? rows - 1 - r : r) * columns]);
  // The column whose longitude is the first at or after the wanted one.
  double nearest = 360;
  for (std::size_t c = 0; c < columns; ++c) {
    double const turn = std::fmod(std::fmod(lon[c] - first_longitude, 360.0) + 360.0 + tolerance, 360.0);
    if (turn < nearest) {
      nearest = turn;
      o.shift = static_cast<index_t>(c);
    }
  }
  for (std::size_t c = 0; c < columns; ++c) {
    double value = lon[(c + static_cast<std::size_t>(o.shift)) % columns];
    while (!o.grid.longitude.empty() && value < o.grid.longitude.back())
      value += 360;
    o.grid.longitude.push_back(value);
  }
  if (o.grid.longitude.front() >= 360 - tolerance)
    for (auto& value : o.grid.longitude)
      value -= 360;
  return o;
}
} // namespace

Regridding::Regridding(std::string const& file, bool flip_rows, bool flip_columns, double first_longitude)
    : file_(file), flip_rows_(flip_rows), flip_columns_(flip_columns)
{
  io::ArrayReader const reader(file);
  auto const length = [&](char const* name) {
    auto const n = reader.dimension(name);
    if (!n)
      fail(file, fmt::format("has no dimension {}", name), "name a file of weights in ESMF's format");
    return static_cast<std::size_t>(*n);
  };
  sources_ = length("n_a");
  std::size_t const targets = length("n_b");
  auto const rows = reader.read("row"), columns = reader.read("col"), weights = reader.read("S");
  if (rows.size() != weights.size() || columns.size() != weights.size())
    fail(file, "row, col and S differ in length", "make the file again");
  auto const lat = read_degrees(reader, "yc_b"), lon = read_degrees(reader, "xc_b");
  std::size_t n_lat = 0, n_lon = 0;
  if (auto const dims = reader.read("dst_grid_dims"); dims.size() == 2) {
    n_lon = static_cast<std::size_t>(std::max(0.0, dims[0]));
    n_lat = static_cast<std::size_t>(std::max(0.0, dims[1]));
  } else {
    auto count = [](std::vector<double> v) {
      std::sort(v.begin(), v.end());
      return static_cast<std::size_t>(std::unique(v.begin(), v.end()) - v.begin());
    };
    n_lat = count(lat);
    n_lon = count(lon);
  }
  if (targets == 0 || n_lat * n_lon != targets || lat.size() != targets || lon.size() != targets)
    fail(file, fmt::format("leads to {} cells, which are not {} latitudes by {} longitudes", targets, n_lat, n_lon),
         "make weights for a grid of latitudes and longitudes");
  target_ = orientation_of(lat, lon, n_lat, n_lon, first_longitude, file);

  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (!(rows[i] >= 1 && rows[i] <= static_cast<double>(targets) && columns[i] >= 1 &&
          columns[i] <= static_cast<double>(sources_) && std::isfinite(weights[i])))
      fail(file,
           fmt::format("entry {} joins cell {:g} to cell {:g} with weight {:g}", i, columns[i], rows[i], weights[i]),
           fmt::format("row must be 1 to {}, col 1 to {}", targets, sources_));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
  start_.assign(targets + 1, 0);
  for (auto const i : order) {
    ++start_[static_cast<std::size_t>(rows[i])];
    source_.push_back(static_cast<std::size_t>(columns[i]) - 1);
    weight_.push_back(weights[i]);
  }
  std::partial_sum(start_.begin(), start_.end(), start_.begin());
}

Regridding::Part::Part(Regridding const& whole, Box const& box, Orientation const& source,
                       std::pair<index_t, index_t> shape)
    : cells_(static_cast<std::size_t>(box.cells()))
{
  auto const [rows, columns] = shape;
  if (static_cast<std::size_t>(rows * columns) != whole.sources_)
    fail(whole.file_, fmt::format("takes fields of {} cells, the data have {} x {}", whole.sources_, rows, columns),
         "make weights for the grid of the data");
  index_t const height = whole.grid().height(), width = whole.grid().width();
  std::vector<Box> at; // where the model would see each source cell
  start_.push_back(0);
  Box needed{rows, 0, 0, columns};
  for (auto const cell : cells_of(box, width)) {
    index_t const r = cell / width, c = cell % width;
    auto const target =
        static_cast<std::size_t>((whole.target_.flip ? height - 1 - r : r) * width + (c + whole.target_.shift) % width);
    for (std::size_t i = whole.start_[target]; i < whole.start_[target + 1]; ++i) {
      index_t row = static_cast<index_t>(whole.source_[i]) / columns,
              column = static_cast<index_t>(whole.source_[i]) % columns;
      row = whole.flip_rows_ ? rows - 1 - row : row; // in the file
      column = whole.flip_columns_ ? columns - 1 - column : column;
      row = source.flip ? rows - 1 - row : row; // as the model sees it
      column = (column - source.shift + columns) % columns;
      needed.row0 = std::min(needed.row0, row);
      needed.row1 = std::max(needed.row1, row + 1);
      at.push_back({row, row + 1, column, column + 1});
      weight_.push_back(whole.weight_[i]);
    }
    start_.push_back(at.size());
  }
  source_box_ = at.empty() ? Box{} : needed;
  for (auto const& cell : at)
    source_.push_back(static_cast<std::size_t>((cell.row0 - needed.row0) * columns + cell.col0));
}

void Regridding::Part::apply(std::vector<double>& values) const
{
  auto const sources = static_cast<std::size_t>(source_box_.cells());
  std::size_t const levels = sources > 0 ? values.size() / sources : 0;
  std::vector<double> result;
  result.reserve(levels * cells_);
  for (std::size_t k = 0; k < levels; ++k)
    for (std::size_t cell = 0; cell < cells_; ++cell) {
      double sum = 0;
      for (std::size_t i = start_[cell]; i < start_[cell + 1]; ++i)
        sum += weight_[i] * values[k * sources + source_[i]];
      result.push_back(sum);
    }
  values = std::move(result);
}

std::map<std::string, std::shared_ptr<Regridding const>>
read_regriddings(DeckNode const& preblocks, DataConfig const& config, ChannelSchema const& schema, Problems& problems)
{
  std::map<std::string, std::shared_ptr<Regridding const>> result;
  if (!preblocks.exists() || !preblocks.is_map())
    return result;
  for (char const* phase : {"ic_only", "per_step"})
    for (auto const& [name, entry] : preblocks[phase].entries()) {
      if (!entry.is_map() || entry.get("type", std::string()) != "regrid")
        continue;
      try {
        auto const args = entry["args"];
        if (!args.get("reshape_to_xy", true))
          args["reshape_to_xy"].reject("false leaves a list of cells, which no model here takes", "leave it out");
        auto const flips = args.get("flip_axis", std::vector<int>{});
        auto const flips_axis = [&](int axis) { return std::find(flips.begin(), flips.end(), axis) != flips.end(); };
        args.get("data_types", std::vector<std::string>{}); // fields have one grid, as input and as target
        auto const names = args["variables"].as<std::vector<std::string>>();
        std::shared_ptr<Regridding const> made;
        for (auto const* list : {&schema.input, &schema.target})
          for (auto const& e : *list)
            if (std::any_of(names.begin(), names.end(), [&](auto const& n) { return n == e.key || n == e.variable; })) {
              if (!made)
                made = std::make_shared<Regridding const>(
                    args.require<std::string>("weight_file"), flips_axis(-2), flips_axis(-1),
                    config.sources[static_cast<std::size_t>(e.source)].first_longitude);
              result[e.key] = made;
            }
        if (!made)
          args["variables"].reject("names no variable of the data", "give their keys, or short names");
        auto const& grid = made->grid();
        auto const& first = result.begin()->second->grid();
        if (grid.latitude != first.latitude || grid.longitude != first.longitude)
          entry.reject("leads to another grid than the block before it", "use one grid");
      } catch (Error const& e) {
        problems.add(e);
      }
    }
  return result;
}

} // namespace rossby
