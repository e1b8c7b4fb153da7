#include "hybrid_levels.hpp"

#include "ifs_levels.hpp"

#include "io/array_reader.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace rossby {

namespace {
LevelCoefficients midpoints(LevelCoefficients const& c)
{
  LevelCoefficients m;
  for (std::size_t k = 0; k + 1 < c.a.size(); ++k) {
    m.a.push_back(0.5 * (c.a[k] + c.a[k + 1]));
    m.b.push_back(0.5 * (c.b[k] + c.b[k + 1]));
  }
  return m;
}

bool finite(std::vector<double> const& list)
{
  return std::all_of(list.begin(), list.end(), [](double x) { return std::isfinite(x); });
}

/// One side of hybrid_level_interp, "source_" or "dest_".
LevelCoefficients read_side(DeckNode const& args, std::string const& side, std::string const& file)
{
  auto c = read_coefficients(args[side + "level_info_file"], file, args.get(side + "a_var", std::string("a_half")),
                             args.get(side + "b_var", std::string("b_half")));
  if (args.get(side + "on_interfaces", true))
    c = midpoints(c);
  return chosen(c, args.get(side + "levels", std::vector<int>{}), args[side + "levels"]);
}
} // namespace

LevelCoefficients read_coefficients(DeckNode const& file_key, std::string const& file, std::string const& a_name,
                                    std::string const& b_name)
{
  if (!std::filesystem::exists(file) && file == "ERA5_Lev_Info.nc") {
    LevelCoefficients const half{ifs_137_a(), ifs_137_b()};
    if (a_name == "a_half" && b_name == "b_half")
      return half;
    if (a_name == "a_model" && b_name == "b_model")
      return midpoints(half);
  }
  if (!std::filesystem::exists(file))
    file_key.reject(fmt::format("{} does not exist", file),
                    file.find('/') == std::string::npos
                        ? "a bare name is a file of CREDIT's package (credit/metadata): name a copy of it by its path"
                        : "name a file with the coefficients a and b of p = a + b p_s");
  io::ArrayReader const reader(file);
  LevelCoefficients c{reader.read(a_name), reader.read(b_name)};
  if (a_name == b_name && reader.variable(a_name).shape.size() == 2) {
    auto const n = static_cast<std::size_t>(reader.variable(a_name).shape[1]);
    c.b.erase(c.b.begin(), c.b.begin() + static_cast<std::ptrdiff_t>(std::min(n, c.b.size())));
    c.a.resize(n);
    c.b.resize(std::min(n, c.b.size()));
  }
  if (c.a.size() != c.b.size() || c.a.size() < 2)
    fail(file, fmt::format("{} has {} values, {} has {}", a_name, c.a.size(), b_name, c.b.size()),
         "name coefficients a and b of the same levels");
  if (!finite(c.a) || !finite(c.b))
    fail(file, fmt::format("{} or {} has values that are missing or not finite", a_name, b_name),
         "name the coefficients a and b of p = a + b p_s");
  return c;
}

LevelCoefficients chosen(LevelCoefficients const& all, std::vector<int> const& levels, DeckNode const& where)
{
  if (levels.empty())
    return all;
  LevelCoefficients c;
  for (int const level : levels) {
    if (level < 1 || level > static_cast<int>(all.a.size()))
      where.reject(fmt::format("holds level {}; there are {}", level, all.a.size()));
    c.a.push_back(all.a[static_cast<std::size_t>(level - 1)]);
    c.b.push_back(all.b[static_cast<std::size_t>(level - 1)]);
  }
  return c;
}

bool sort_by_pressure(LevelCoefficients& c, std::string const& file)
{
  if (c.a.size() < 2)
    fail(file, "leaves one level, between which nothing can be interpolated", "name two levels or more");
  auto const pressure = [&](std::size_t k) { return c.a[k] + 101325 * c.b[k]; };
  bool const reversed = pressure(0) > pressure(c.a.size() - 1);
  if (reversed) {
    std::reverse(c.a.begin(), c.a.end());
    std::reverse(c.b.begin(), c.b.end());
  }
  for (std::size_t k = 0; k + 1 < c.a.size(); ++k)
    if (!(pressure(k) < pressure(k + 1)))
      fail(file, "the pressure of its levels neither rises nor falls all the way",
           "look at the names of the coefficients a and b");
  return reversed;
}

LevelChange read_level_change(DeckNode const& args)
{
  args.get("chunk_size", 0); // memory of another engine
  LevelChange change;
  std::string const file = args.require<std::string>("source_level_info_file");
  change.from = read_side(args, "source_", file);
  change.reversed = sort_by_pressure(change.from, file);
  change.to = read_side(args, "dest_", args.get("dest_level_info_file", std::string("ERA5_Lev_Info.nc")));
  auto const numbers = args.get("dest_levels", std::vector<int>{});
  change.numbers.assign(numbers.begin(), numbers.end());
  for (std::size_t k = 0; numbers.empty() && k < change.to.a.size(); ++k)
    change.numbers.push_back(static_cast<double>(k + 1));
  return change;
}

} // namespace rossby
