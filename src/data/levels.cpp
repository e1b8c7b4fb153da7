#include "data/levels.hpp"

#include "core/suggest.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>

namespace rossby {

namespace {

constexpr double rounding = 2e-6;

/// A unit with its size in the unit of its kind: pascal or metre. Other units are compared by name alone.
struct Unit {
  enum class Kind { pressure, length, other } kind = Kind::other;
  double size = 1;
  std::string name;
};

Unit unit_of(std::string const& text)
{
  struct Known {
    char const* name;
    Unit::Kind kind;
    double size;
  };
  using Kind = Unit::Kind;
  static constexpr Known known[] = {{"pa", Kind::pressure, 1},
                                    {"pascal", Kind::pressure, 1},
                                    {"pascals", Kind::pressure, 1},
                                    {"hpa", Kind::pressure, 100},
                                    {"hectopascal", Kind::pressure, 100},
                                    {"hectopascals", Kind::pressure, 100},
                                    {"mbar", Kind::pressure, 100},
                                    {"mb", Kind::pressure, 100},
                                    {"millibar", Kind::pressure, 100},
                                    {"millibars", Kind::pressure, 100},
                                    {"kpa", Kind::pressure, 1000},
                                    {"bar", Kind::pressure, 1e5},
                                    {"m", Kind::length, 1},
                                    {"metre", Kind::length, 1},
                                    {"meter", Kind::length, 1},
                                    {"metres", Kind::length, 1},
                                    {"meters", Kind::length, 1},
                                    {"km", Kind::length, 1000},
                                    {"kilometre", Kind::length, 1000},
                                    {"kilometer", Kind::length, 1000},
                                    {"cm", Kind::length, 0.01}};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (auto const& k : known)
    if (lower == k.name)
      return {k.kind, k.size, text};
  return {Kind::other, 1, text};
}

bool same(double a, double b) { return std::fabs(a - b) <= rounding * std::max(std::fabs(a), std::fabs(b)) + 1e-12; }

/// Positions of the levels nearest to the wanted ones, and the worst relative distance.
struct Nearest {
  std::vector<index_t> positions;
  bool exact = true;
  double worst = 0;
};

Nearest nearest_to(std::vector<double> const& values, std::vector<double> const& wanted, double factor)
{
  Nearest result;
  for (double const w : wanted) {
    double const x = w * factor;
    index_t best = 0;
    for (std::size_t k = 0; k < values.size(); ++k)
      if (std::fabs(values[k] - x) < std::fabs(values[static_cast<std::size_t>(best)] - x))
        best = static_cast<index_t>(k);
    double const found = values[static_cast<std::size_t>(best)];
    result.exact = result.exact && same(found, x);
    result.worst = std::max(result.worst, std::fabs(found - x) / std::max({std::fabs(x), std::fabs(found), 1e-12}));
    result.positions.push_back(best);
  }
  return result;
}

std::string listed(std::vector<double> const& values, std::string const& units)
{
  std::vector<std::string> words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i == 14 && values.size() > 16) {
      words.push_back("...");
      i = values.size() - 1;
    }
    words.push_back(fmt::format("{:.7g}", values[i]));
  }
  return join(words) + (units.empty() ? "" : " " + units);
}

[[noreturn]] void fail_for_no_match(LevelAxis const& axis, std::vector<double> const& wanted, Unit const& file,
                                    double factor, std::string const& units, std::string const& where,
                                    std::string const& fix)
{
  std::vector<double> absent;
  for (double const w : wanted)
    if (std::none_of(axis.values.begin(), axis.values.end(), [&](double v) { return same(v, w * factor); }))
      absent.push_back(w);
  std::string const name = axis.name.empty() ? "level" : axis.name;
  if (axis.numbered)
    fail(where,
         fmt::format("has no {} {}: this dimension has no coordinate, so its places are 0 to {}", name,
                     listed(absent, units), axis.values.size() - 1),
         fix);
  fail(where, fmt::format("has no {} {}; it has {}", name, listed(absent, units), listed(axis.values, file.name)), fix);
}

void expect_distinct(LevelAxis const& axis, std::vector<double> const& wanted, std::vector<index_t> const& positions,
                     std::string const& where)
{
  for (std::size_t k = 0; k < positions.size(); ++k)
    for (std::size_t i = 0; i < k; ++i)
      if (positions[i] == positions[k])
        fail(where,
             fmt::format("{:g} and {:g} are both nearest to its level {:g}", wanted[i], wanted[k],
                         axis.values[static_cast<std::size_t>(positions[k])]),
             "name each level once");
}

} // namespace

bool is_pressure(std::string const& units) { return unit_of(units).kind == Unit::Kind::pressure; }

LevelMatch match_levels(LevelAxis const& axis, std::vector<double> const& wanted, LevelRules const& rules,
                        std::string const& where, std::string const& fix)
{
  Unit const file = unit_of(axis.units);
  for (double const v : axis.values)
    if (!std::isfinite(v))
      fail(where, fmt::format("its coordinate {} holds a missing or non-finite value", axis.name), "repair the file");
  if (axis.values.empty())
    fail(where, "has no levels at all", fix);
  for (double const w : wanted)
    if (!std::isfinite(w))
      fail(where, fmt::format("has no level {:g}", w), fix);

  // Units that the wanted levels may be in.
  std::vector<Unit> candidates;
  if (rules.units.empty()) {
    candidates.push_back(file);
    if (file.kind == Unit::Kind::pressure)
      candidates.insert(candidates.end(), {unit_of("hPa"), unit_of("Pa")});
    if (file.kind == Unit::Kind::length)
      candidates.insert(candidates.end(), {unit_of("m"), unit_of("km")});
  } else {
    Unit const own = unit_of(rules.units);
    bool const comparable = axis.units.empty() || axis.numbered ||
                            (own.kind == file.kind && (own.kind != Unit::Kind::other || own.name == file.name));
    if (!comparable)
      fail(where, fmt::format("its levels are in '{}', those of the deck in '{}'", axis.units, rules.units), fix);
    candidates.push_back(own);
    if (axis.units.empty())
      candidates.back().size = file.size; // its numbers are taken to be in the deck's unit
  }

  // Files in Pa hold 1000 Pa beside 1000 hPa, and nobody says Pa for levels. Elsewhere the file's own unit is meant.
  bool const of_pascal = file.kind == Unit::Kind::pressure && file.size < 100;
  std::optional<LevelMatch> match;
  Nearest best;
  Unit best_unit = candidates[0];
  best.worst = std::numeric_limits<double>::infinity();
  for (auto const& unit : candidates) {
    auto found = nearest_to(axis.values, wanted, unit.size / file.size);
    if (found.exact) {
      if (match && match->positions != found.positions)
        fail(where,
             fmt::format("the levels {} are in the file both in {} and in {}", listed(wanted, ""), match->units,
                         unit.name),
             "say which unit is meant: level_units");
      if (!match)
        match = LevelMatch{found.positions, unit.name, {}};
      if (!of_pascal)
        break;
    }
    if (found.worst < best.worst)
      best = std::move(found), best_unit = unit;
  }
  if (!match && !rules.nearest)
    fail_for_no_match(axis, wanted, file, candidates[0].size / file.size, rules.units, where, fix);
  if (!match) {
    std::vector<double> taken;
    for (index_t const p : best.positions)
      taken.push_back(axis.values[static_cast<std::size_t>(p)]);
    match = LevelMatch{best.positions, best_unit.name,
                       fmt::format("{} for the wanted {}", listed(taken, file.name), listed(wanted, best_unit.name))};
  }
  expect_distinct(axis, wanted, match->positions, where);
  return *match;
}

} // namespace rossby
