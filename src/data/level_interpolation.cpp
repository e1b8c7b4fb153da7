#include "level_interpolation.hpp"

#include "block_arguments.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {
/// Of p = a + b p_s, whatever a and b: levels above the top of the atmosphere have CREDIT's least pressure.
double log_pressure(double a, double b, double surface)
{
  constexpr double least = 0.57; // Pa
  return std::log(std::max(a + b * surface, least));
}

/// y = (1 - weight) * values[low] + weight * values[high]
struct Between {
  std::size_t low = 0, high = 0;
  double weight = 0;
};

Between find_between(std::vector<double> const& log_p, double wanted)
{
  auto const above = std::upper_bound(log_p.begin(), log_p.end(), wanted);
  if (above == log_p.begin())
    return {};
  auto const high = static_cast<std::size_t>(above - log_p.begin()), low = high - 1;
  if (above == log_p.end())
    return {low, low, 0};
  return {low, high, (wanted - log_p[low]) / (log_p[high] - log_p[low])};
}

/// The variables that the block covers, each as the files have it.
std::vector<SchemaEntry> covered(DeckNode const& args, ChannelSchema const& schema)
{
  std::vector<std::string> types{"input", "target"};
  types = args.get("data_types", types);
  for (auto const& t : types)
    if (t != "input" && t != "target")
      args["data_types"].reject(fmt::format("'{}' is neither input nor target", t));
  auto const names = [&](char const* type) { return std::find(types.begin(), types.end(), type) != types.end(); };
  std::vector<SchemaEntry> const none;
  auto const &input = names("input") ? schema.input : none, &target = names("target") ? schema.target : none;
  auto const where = args["variables"];
  std::vector<SchemaEntry> result;
  for (auto const& name : where.as<std::vector<std::string>>()) {
    auto const& e = find(input, target, name, where);
    if (!e.is_3d)
      where.reject(fmt::format("{} has no levels", e.key), "name variables that are listed under vars_3D");
    if (e.type == FieldType::fixed)
      where.reject(fmt::format("{} is static, and its levels would move with the surface pressure", e.key),
                   "list it under dynamic_forcing");
    if (!names("input") && e.type != FieldType::diagnostic)
      args["data_types"].reject(fmt::format("leaves out the input, but {} is an input as well", e.key),
                                "leave data_types out: a variable has one set of levels");
    result.push_back(e);
  }
  if (result.empty())
    where.reject("names no variable", "name those whose levels are to be changed");
  return result;
}

void read_block(DeckNode const& args, ChannelSchema& schema, LevelInterpolations& all)
{
  auto const change = read_level_change(args);
  auto const pressure = find(schema.input, schema.target, args.require<std::string>("surface_pressure_var"),
                             args["surface_pressure_var"]);
  if (pressure.n_levels() != 1)
    args["surface_pressure_var"].reject(fmt::format("{} has {} levels", pressure.key, pressure.n_levels()),
                                        "name the pressure at the ground, in Pa");
  LevelInterpolations added;
  for (auto const& e : covered(args, schema)) {
    if (static_cast<std::size_t>(e.n_levels()) != change.from.a.size())
      args["variables"].reject(fmt::format("{} has {} levels in its files, the source coefficients describe {}", e.key,
                                           e.n_levels(), change.from.a.size()),
                               "choose source_levels: the 1-based numbers of the data's levels in the file of "
                               "coefficients, or set source_on_interfaces");
    if (all.count(e.key) + added.count(e.key) > 0)
      args["variables"].reject(fmt::format("{} is interpolated twice", e.key), "name it once");
    added[e.key] =
        std::make_shared<LevelInterpolation const>(change, e, pressure, args.path() + ".surface_pressure_var");
  }
  all.insert(added.begin(), added.end());
  for (auto* const list : {&schema.input, &schema.target}) {
    int next = 0;
    for (auto& e : *list) {
      if (added.count(e.key) > 0) {
        e.levels = change.numbers;
        e.vertical = LevelAxis{change.numbers, "", "down", "model_level_number", "level", false};
      }
      e.first_channel = next;
      next += e.n_levels();
    }
  }
}
} // namespace

void LevelInterpolation::apply(std::vector<double> const& surface_pressure, std::vector<double>& values) const
{
  std::size_t const cells = surface_pressure.size(), from = change_.from.a.size(), to = change_.to.a.size();
  ROSSBY_EXPECT(values.size() == from * cells);
  std::vector<double> result(to * cells), log_p(from);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    double const surface = surface_pressure[cell];
    for (std::size_t k = 0; k < from; ++k)
      log_p[k] = log_pressure(change_.from.a[k], change_.from.b[k], surface);
    auto const value = [&](std::size_t k) { return values[(change_.reversed ? from - 1 - k : k) * cells + cell]; };
    for (std::size_t k = 0; k < to; ++k) {
      auto const at = find_between(log_p, log_pressure(change_.to.a[k], change_.to.b[k], surface));
      // A gap in a level that has no weight stays out of it.
      result[k * cells + cell] =
          at.weight > 0 ? (1 - at.weight) * value(at.low) + at.weight * value(at.high) : value(at.low);
    }
  }
  values = std::move(result);
}

LevelInterpolations read_level_interpolations(DeckNode const& preblocks, ChannelSchema& schema, Problems& problems)
{
  LevelInterpolations all;
  if (!preblocks.exists() || !preblocks.is_map())
    return all;
  // Later steps read forcing alone: it has the same levels in its files, whatever the phase.
  for (char const* phase : {"ic_only", "per_step"})
    for (auto const& [name, entry] : preblocks[phase].entries()) {
      if (!entry.is_map() || entry.get("type", std::string()) != "hybrid_level_interp")
        continue;
      try {
        read_block(entry["args"], schema, all);
      } catch (Error const& e) {
        entry.mark_read();
        problems.add(e);
      }
    }
  return all;
}

} // namespace rossby
