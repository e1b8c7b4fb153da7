#include "data/climatology.hpp"

#include "field_reader.hpp"

#include "data/levels.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

namespace rossby {

namespace {
/// Where in the file each level of the entry lies.
std::vector<index_t> find_levels(LevelAxis const& file, SchemaEntry const& entry, SourceConfig const& source,
                                 std::string const& where)
{
  if (file.numbered && file.values.size() == entry.levels.size()) { // in the deck's order
    std::vector<index_t> in_order(entry.levels.size());
    std::iota(in_order.begin(), in_order.end(), index_t{0});
    return in_order;
  }
  std::string const units = entry.vertical.units.empty() ? source.level_units : entry.vertical.units;
  return match_levels(file, entry.levels, {units, false}, where, "make the climatology of the levels of the data block")
      .positions;
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
    SourceConfig const& source = plan.config.sources[static_cast<std::size_t>(entry.source)];
    FieldFile fields(file, source);
    std::string const name = fields.has(entry.key) ? entry.key : entry.variable;
    std::string const place = fmt::format("{}, variable {}", file, name);
    if (fields.records(name) > 1)
      fail(place, "has a time axis", "a climatology is one mean field: average over time");
    auto const orientation = orientation_on(fields, name, plan.grid, FieldGroup::Orientation::unknown, where);
    std::vector<index_t> levels{0};
    if (entry.is_3d)
      levels = find_levels(fields.levels(name), entry, source, place);
    else if (fields.levels(name).values.size() > 1)
      fail(place, "has several levels, but is listed under vars_2D", "leave one level in the climatology");
    std::vector<double> values;
    fields.read(name, 0, levels, box, orientation, values);
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
