#include <rossby/data/climatology.hpp>

#include "field_reader.hpp"

#include <rossby/core/error.hpp>
#include <rossby/data/levels.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace rossby {

namespace {
/// Where in the file each level of the entry lies.
std::vector<index_t> find_levels(std::vector<double> const& file, SchemaEntry const& entry, std::string const& where)
{
  std::vector<index_t> in_order(entry.levels.size());
  bool numbered = file.size() == entry.levels.size(); // what a file without a level coordinate gives
  for (std::size_t k = 0; k < in_order.size(); ++k) {
    in_order[k] = static_cast<index_t>(k);
    numbered = numbered && file[k] == static_cast<double>(k);
  }
  if (numbered)
    return in_order;
  return nearest_levels(file, entry.levels, same_level, where, "make the climatology of the levels of the data block");
}
} // namespace

std::vector<float> read_climatology(std::string const& file, DataPlan const& plan, Box const& box,
                                    std::string const& where)
{
  if (!std::filesystem::exists(file))
    fail(where, fmt::format("{} does not exist", file), "name a netCDF file with the mean of each output variable");
  auto const channels = static_cast<std::size_t>(plan.schema.target_channels());
  auto const cells = static_cast<std::size_t>(box.cells());
  std::vector<float> result(cells * channels);
  for (auto const& entry : plan.schema.target) {
    FieldFile fields(file, plan.config.sources[static_cast<std::size_t>(entry.source)]);
    std::string const name = fields.has(entry.key) ? entry.key : entry.variable;
    std::string const place = fmt::format("{}, variable {}", file, name);
    if (fields.has(name) && fields.has_time(name))
      fail(place, "has a time axis", "a climatology is one mean field: average over time");
    expect_same_grid(fields, name, plan.grid);
    std::vector<index_t> levels{0};
    if (entry.is_3d)
      levels = find_levels(fields.levels(name), entry, place);
    else if (fields.levels(name).size() > 1)
      fail(place, "has several levels, but is listed under vars_2D", "leave one level in the climatology");
    std::vector<double> values;
    fields.read(name, 0, levels, box, values);
    auto const gaps = std::count_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
    if (gaps > 0)
      fail(place, fmt::format("holds {} missing or non-finite values", gaps), "fill them");
    for (std::size_t k = 0; k < levels.size(); ++k)
      for (std::size_t i = 0; i < cells; ++i)
        result[i * channels + static_cast<std::size_t>(entry.first_channel) + k] =
            static_cast<float>(values[k * cells + i]);
  }
  return result;
}

} // namespace rossby
