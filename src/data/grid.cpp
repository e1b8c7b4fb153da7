#include <rossby/data/grid.hpp>

#include "field_reader.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace rossby {

bool Grid::is_global() const
{
  auto const n = static_cast<double>(longitude.size());
  if (longitude.size() < 2)
    return true;
  double const spacing = (longitude.back() - longitude.front()) / (n - 1);
  return std::fabs(spacing * n - 360) <= 0.5 * spacing;
}

std::string Grid::seam() const
{
  if (longitude.size() < 3)
    return {};
  std::vector<double> gaps;
  for (std::size_t i = 1; i < longitude.size(); ++i)
    gaps.push_back(longitude[i] - longitude[i - 1]);
  auto const widest = std::max_element(gaps.begin(), gaps.end());
  double const narrowest = *std::min_element(gaps.begin(), gaps.end());
  auto const at = static_cast<std::size_t>(widest - gaps.begin());
  return *widest > 1.5 * narrowest ? fmt::format("{:g}E and {:g}E", longitude[at], longitude[at + 1]) : std::string();
}

std::string Grid::describe() const
{
  auto const north = [](double phi) { return fmt::format("{:g}{}", std::fabs(phi), phi < 0 ? "S" : "N"); };
  bool const pole_rows = std::fabs(latitude.front() - 90) < 1e-3 || std::fabs(latitude.back() + 90) < 1e-3;
  std::string text = fmt::format("{} x {} cells, {} to {}{}, ", height(), width(), north(latitude.front()),
                                 north(latitude.back()), pole_rows ? " with rows on the poles" : "");
  text += is_global() ? fmt::format("whole circles from {:g}E", longitude.front())
                      : fmt::format("regional: {:g}E to {:g}E", longitude.front(), longitude.back());
  if (turned)
    text += "; the files run from south to north and are turned";
  if (rolled != 0)
    text += fmt::format("; the files begin elsewhere and are rolled by {} columns", rolled);
  return text;
}

Grid Grid::read(DataConfig const& config)
{
  std::optional<Error> unreadable;
  for (auto const& source : config.sources) {
    if (source.kind != SourceConfig::Kind::local)
      continue;
    for (auto const& group : source.groups)
      try {
        FieldReader reader(source, group);
        std::string const& variable = group.vars_3d.empty() ? group.vars_2d.front() : group.vars_3d.front();
        auto const& o = reader.first().orientation(variable);
        if (o.grid.latitude.empty() || o.grid.longitude.empty())
          continue;
        Grid grid = o.grid;
        grid.turned = o.flip;
        grid.rolled = o.shift;
        return grid;
      } catch (Error const& e) {
        if (!unreadable)
          unreadable = e;
      }
  }
  if (unreadable)
    throw *unreadable;
  fail(config.deck_key, "no source has latitude and longitude coordinates",
       "add coordinate variables to the files (units degrees_north and degrees_east)");
}

} // namespace rossby
