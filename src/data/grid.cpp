#include <rossby/data/grid.hpp>

#include "field_reader.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

namespace rossby {

Grid Grid::read(DataConfig const& config)
{
  for (auto const& source : config.sources) {
    if (source.kind != SourceConfig::Kind::local)
      continue;
    for (auto const& group : source.groups) {
      FieldReader reader(source, group);
      std::string const& variable = group.vars_3d.empty() ? group.vars_2d.front() : group.vars_3d.front();
      Grid const& grid = reader.first().orientation(variable).grid;
      if (!grid.latitude.empty())
        return grid;
    }
  }
  fail(config.deck_key, "no source has latitude and longitude coordinates",
       "add coordinate variables to the files (units degrees_north and degrees_east)");
}

} // namespace rossby
