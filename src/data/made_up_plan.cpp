// Which files a deck asks for, and what in them.
#include "data/made_up.hpp"

#include "data/deck_blocks.hpp"

#include <algorithm>
#include <filesystem>

namespace rossby {

namespace {
/// The name that a template has at a time: codes filled in, wildcards left out.
std::string name_at(std::string const& path_template, Time t)
{
  std::string out;
  for (std::size_t i = 0; i < path_template.size(); ++i) {
    char const c = path_template[i];
    if (c == '%' && i + 1 < path_template.size())
      out += format_time(t, path_template.substr(i++, 2));
    else if (c == '[') {
      auto const end = path_template.find(']', i);
      out += path_template.substr(i + 1, 1);
      i = end == std::string::npos ? path_template.size() : end;
    } else if (c != '*')
      out += c == '?' ? '0' : c;
  }
  if (std::filesystem::path(out).extension().empty())
    out += ".nc";
  return out;
}

std::vector<double> axis(double first, double last, index_t n)
{
  std::vector<double> values(static_cast<std::size_t>(n), first);
  for (index_t i = 1; i < n; ++i)
    values[static_cast<std::size_t>(i)] = first + (last - first) * static_cast<double>(i) / static_cast<double>(n - 1);
  return values;
}

/// Coefficients a and b of p = a + b p_s, from the top to the ground. Made-up fields lie about 10, and so do made-up
/// pressures.
std::vector<double> hybrid_a(index_t count)
{
  auto eta = axis(0, 1, count);
  for (double& x : eta)
    x = 10 * (x - x * x);
  return eta;
}

std::vector<double> hybrid_b(index_t count)
{
  auto eta = axis(0, 1, count);
  for (double& x : eta)
    x *= x;
  return eta;
}

void add_variables(MadeUpPlan::File& file, SourceConfig const& source, FieldGroup const& group, bool with_time)
{
  for (auto const& name : group.vars_3d)
    file.variables.insert({name, {true, with_time}});
  for (auto const& name : group.vars_2d)
    file.variables.insert({name, {false, with_time}});
  if (group.vars_3d.empty())
    return;
  file.level_coord = source.level_coord;
  if (source.levels)
    file.levels = *source.levels;
}
} // namespace

void MadeUpPlan::add(DataConfig const& config, std::vector<Time> const& more, index_t records)
{
  auto const ticks = config.clock();
  for (auto const& source : config.sources) {
    if (source.kind != SourceConfig::Kind::local)
      continue;
    auto const record_of = [&](Time t) {
      if (source.temporal_mode != TemporalMode::cyclic)
        return t;
      auto date = date_of(t);
      date.year = source.cycle_year;
      return time_of(date);
    };
    for (auto const& group : source.groups) {
      bool const timed = group.type != FieldType::fixed;
      std::map<std::string, std::set<Time>> by_path;
      auto const put = [&](Time t, bool limited) {
        Time const record = record_of(t);
        auto& in_file = by_path[name_at(group.path, record)];
        if (!limited || records == 0 || static_cast<index_t>(in_file.size()) < records)
          in_file.insert(record);
      };
      if (timed) {
        for (Time const t : ticks)
          put(t, true);
        for (Time const t : more)
          put(t, false);
      } else {
        by_path[name_at(group.path, 0)];
      }
      for (auto const& [path, in_file] : by_path) {
        auto& file = files[path];
        file.times.insert(in_file.begin(), in_file.end());
        file.time_coord = source.time_coord;
        add_variables(file, source, group, timed);
      }
    }
  }
}

void MadeUpPlan::add_statistics(std::string const& path, DataConfig const& config)
{
  for (auto const& source : config.sources)
    for (auto const& group : source.groups)
      if (group.type != FieldType::fixed && source.kind == SourceConfig::Kind::local &&
          source.temporal_mode != TemporalMode::cyclic) {
        auto const put = [](std::vector<std::string>& list, std::vector<std::string> const& names) {
          for (auto const& name : names)
            if (std::find(list.begin(), list.end(), name) == list.end())
              list.push_back(name);
        };
        put(levels[path], group.vars_3d);
        put(scalars[path], group.vars_2d);
      }
}

void MadeUpPlan::add_climatology(std::string const& path, DataConfig const& config)
{
  auto& file = files[path];
  for (auto const& source : config.sources)
    for (auto const& group : source.groups) {
      if (group.type != FieldType::prognostic && group.type != FieldType::diagnostic)
        continue;
      add_variables(file, source, group, false);
    }
}

void MadeUpPlan::add_blocks(DeckNode const& phases, DataConfig const& config)
{
  for (auto const& args : block_arguments(phases)) {
    for (char const* key : {"mean_path", "std_path"})
      if (args[key].is_scalar())
        add_statistics(args[key].as<std::string>(), config);
    if (args["save_loc_physics"].is_scalar())
      add_physics(args);
    for (char const* side : {"", "source_", "dest_"})
      add_levels(args, side);
  }
}

void MadeUpPlan::add_physics(DeckNode const& args)
{
  auto& file = files[args["save_loc_physics"].as<std::string>()];
  auto const names = args["lon_lat_level_name"].as<std::vector<std::string>>();
  if (names.size() < 3)
    return; // whoever reads the block says so
  using Values = Variable::Values;
  if (names[0] != "longitude") // the file has these of itself
    file.variables.insert({names[0], {false, false, Values::longitude}});
  if (names[1] != "latitude")
    file.variables.insert({names[1], {false, false, Values::latitude}});
  auto const count = n_levels + (args.get("midpoint", false) ? 1 : 0);
  if (names.size() > 3) {
    file.lists.insert({names[2], hybrid_a(count)});
    file.lists.insert({names[3], hybrid_b(count)});
  } else {
    file.lists.insert({names[2], axis(1e5 / static_cast<double>(count), 1e5, count)});
  }
  if (args["surface_geopotential_name"].exists())
    for (auto const& name : args["surface_geopotential_name"].as<std::vector<std::string>>())
      file.variables.insert({name, {false, false}});
}

void MadeUpPlan::add_levels(DeckNode const& args, std::string const& side)
{
  auto const key = args[side + "level_info_file"];
  if (!key.is_scalar())
    return;
  auto const path = key.as<std::string>();
  if (path.find('/') == std::string::npos) // of CREDIT's package
    return;
  auto count = n_levels;
  for (int const level : args.get(side + "levels", std::vector<int>{}))
    count = std::max<index_t>(count, level);
  auto const put = [&](std::string const& name, bool interfaces, bool is_a) {
    files[path].lists.insert(
        {name, is_a ? hybrid_a(count + (interfaces ? 1 : 0)) : hybrid_b(count + (interfaces ? 1 : 0))});
  };
  if (side.empty()) {
    put(args.get("model_a_half_var", std::string("a_half")), true, true);
    put(args.get("model_b_half_var", std::string("b_half")), true, false);
    put(args.get("model_a_var", std::string("a_model")), false, true);
    put(args.get("model_b_var", std::string("b_model")), false, false);
  } else {
    bool const interfaces = args.get(side + "on_interfaces", true);
    put(args.get(side + "a_var", std::string("a_half")), interfaces, true);
    put(args.get(side + "b_var", std::string("b_half")), interfaces, false);
  }
}

void MadeUpPlan::add_coordinates(std::string const& path) { files[path]; }

double MadeUpPlan::bytes() const
{
  double sum = 0;
  for (auto const& [path, file] : files)
    for (auto const& [name, v] : file.variables)
      sum += 4.0 * static_cast<double>(height * width) * (v.with_levels ? static_cast<double>(n_levels) : 1.0) *
             (v.with_time ? static_cast<double>(file.times.size()) : 1.0);
  return sum;
}

} // namespace rossby
