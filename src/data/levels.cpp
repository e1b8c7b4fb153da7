#include <rossby/data/levels.hpp>

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

std::vector<index_t> nearest_levels(std::vector<double> const& levels, std::vector<double> const& wanted,
                                    double distance, std::string const& where, std::string const& fix)
{
  std::vector<index_t> found;
  for (double const w : wanted) {
    auto const nearest = std::min_element(levels.begin(), levels.end(),
                                          [w](double a, double b) { return std::fabs(a - w) < std::fabs(b - w); });
    if (nearest == levels.end())
      fail(where, fmt::format("has no level {:g}: it has no levels at all", w), fix);
    if (!(std::fabs(*nearest - w) <= distance * std::max(1.0, std::fabs(w))))
      fail(where, fmt::format("has no level {:g}; the nearest is {:g}", w, *nearest), fix);
    auto const position = static_cast<index_t>(nearest - levels.begin());
    if (auto const twice = std::find(found.begin(), found.end(), position); twice != found.end())
      fail(where,
           fmt::format("{:g} and {:g} are both nearest to its level {:g}",
                       wanted[static_cast<std::size_t>(twice - found.begin())], w, *nearest),
           "name each level once");
    found.push_back(position);
  }
  return found;
}

} // namespace rossby
