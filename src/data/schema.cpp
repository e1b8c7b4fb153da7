#include <rossby/data/schema.hpp>

#include "field_reader.hpp"

#include "core/suggest.hpp"

#include <rossby/core/error.hpp>
#include <rossby/models/field_shape.hpp>

#include <fmt/format.h>

#include <numeric>

namespace rossby {

namespace {

/// The entries of one group, 3-D variables first.
void append(DataConfig const& config, int source_number, int group_number, std::vector<SchemaEntry>& list)
{
  SourceConfig const& source = config.sources[static_cast<std::size_t>(source_number)];
  FieldGroup const& group = source.groups[static_cast<std::size_t>(group_number)];
  std::optional<FieldReader> reader;
  for (bool const is_3d : {true, false})
    for (auto const& name : is_3d ? group.vars_3d : group.vars_2d) {
      SchemaEntry e;
      e.key = fmt::format("{}/{}/{}/{}", source.name, name_of(group.type), is_3d ? "3d" : "2d", name);
      e.source = source_number, e.group = group_number;
      e.variable = name;
      e.type = group.type;
      e.is_3d = is_3d;
      e.first_channel = list.empty() ? 0 : list.back().first_channel + list.back().n_levels();
      for (auto const& other : list)
        if (other.key == e.key)
          fail(group.deck_key, fmt::format("{} is listed twice", name), "list each variable once");
      if (source.kind == SourceConfig::Kind::solar)
        e.levels.assign(source.solar.offsets.begin(), source.solar.offsets.end());
      else if (!is_3d)
        e.levels = {0};
      else if (source.levels)
        e.levels = *source.levels;
      else {
        if (!reader)
          reader.emplace(source, group);
        e.vertical = reader->first().levels(name);
        e.levels = e.vertical.values;
        if (e.levels.empty())
          fail(
              group.deck_key,
              fmt::format("{} has no level dimension in {}, but is listed under vars_3D", name, reader->first().path()),
              fmt::format("list it under vars_2D, or name the dimension: {}.level_coord", source.deck_key));
      }
      list.push_back(std::move(e));
    }
}

SchemaEntry const* find(std::vector<SchemaEntry> const& list, std::string const& key)
{
  for (auto const& e : list)
    if (e.key == key)
      return &e;
  return nullptr;
}

std::string yaml_of(std::vector<SchemaEntry> const& list, int n_time)
{
  std::string text;
  for (auto const& e : list)
    text += fmt::format("- var_key: {}\n  n_levels: {}\n  n_time: {}\n", e.key, e.n_levels(), n_time);
  return text;
}

} // namespace

ChannelSchema ChannelSchema::make(DataConfig const& config)
{
  ChannelSchema schema;
  schema.n_time = config.history_len;
  for (std::size_t s = 0; s < config.sources.size(); ++s) {
    auto const& groups = config.sources[s].groups; // prognostic, static, dynamic forcing, diagnostic
    for (std::size_t g = 0; g < groups.size(); ++g) {
      FieldType const type = groups[g].type;
      if (type != FieldType::diagnostic)
        append(config, static_cast<int>(s), static_cast<int>(g), schema.input);
      if (type == FieldType::prognostic || type == FieldType::diagnostic)
        append(config, static_cast<int>(s), static_cast<int>(g), schema.target);
    }
  }
  return schema;
}

int channels_of(std::vector<SchemaEntry> const& variables)
{
  return std::accumulate(variables.begin(), variables.end(), 0, [](int n, auto const& v) { return n + v.n_levels(); });
}

int ChannelSchema::input_channels() const { return channels_of(input); }
int ChannelSchema::target_channels() const { return channels_of(target); }
SchemaEntry const* ChannelSchema::find_target(std::string const& key) const { return find(target, key); }

std::vector<int> ChannelSchema::feedback() const
{
  std::vector<int> map(static_cast<std::size_t>(input_channels()), -1);
  for (auto const& e : input)
    if (auto const* const t = find_target(e.key))
      for (int k = 0; k < e.n_levels(); ++k)
        map[static_cast<std::size_t>(e.first_channel + k)] = t->first_channel + k;
  return map;
}

std::vector<int> ChannelSchema::forcing() const
{
  std::vector<int> channels;
  for (auto const& e : input)
    if (e.type == FieldType::dynamic_forcing)
      for (int k = 0; k < e.n_levels(); ++k)
        channels.push_back(e.first_channel + k);
  return channels;
}

void ChannelSchema::check(FieldShape const& model, Problems& problems) const
{
  int three_d = 0, surface = 0, input_only = 0, output_only = 0, variables_3d = 0;
  for (auto const& e : input)
    if (e.type != FieldType::prognostic)
      input_only += e.n_levels();
    else if (e.is_3d)
      three_d += e.n_levels(), ++variables_3d;
    else
      surface += e.n_levels();
  for (auto const& e : target)
    if (e.type == FieldType::diagnostic)
      output_only += e.n_levels();
  auto const compare = [&](char const* key, int has, int data, std::string const& what) {
    if (has != data)
      problems.error(fmt::format("model.{}", key), fmt::format("is {}, but the data have {} {}", has, data, what),
                     fmt::format("set it to {}, or change the lists of variables and levels", data));
  };
  if (model.channels * model.levels != three_d)
    problems.error(
        "model.channels",
        fmt::format(
            "channels * levels is {} * {} = {}, but the data have {} prognostic 3-D variables with {} channels in all",
            model.channels, model.levels, model.channels * model.levels, variables_3d, three_d),
        variables_3d > 0 && three_d % variables_3d == 0
            ? fmt::format("set channels: {}, levels: {}", variables_3d, three_d / variables_3d)
            : "change the lists of variables and levels");
  compare("surface_channels", model.surface_channels, surface, "prognostic 2-D channels");
  compare("input_only_channels", model.input_only_channels, input_only, "static and dynamic forcing channels");
  compare("output_only_channels", model.output_only_channels, output_only, "diagnostic channels");
  compare("frames", model.frames, n_time, "input frames (data.history_len)");
}

std::string ChannelSchema::to_yaml() const
{
  return "schema_version: 1\ninput:\n" + yaml_of(input, n_time) + "target:\n" + yaml_of(target, 1);
}

void ChannelSchema::expect_same(std::string const& yaml, std::string const& file) const
{
  struct Entry {
    std::string key;
    int levels, times;
    bool operator==(Entry const& o) const { return key == o.key && levels == o.levels && times == o.times; }
  };
  Deck const earlier = Deck::parse(yaml, file);
  auto const compare = [&](char const* side, std::vector<SchemaEntry> const& now, int times) {
    auto const then = earlier[side].items();
    for (std::size_t i = 0; i < std::max(then.size(), now.size()); ++i) {
      auto const text = [](Entry const& e) {
        return fmt::format("{} ({} levels, {} times)", e.key, e.levels, e.times);
      };
      Entry const a = i < now.size() ? Entry{now[i].key, now[i].n_levels(), times} : Entry{"nothing", 0, 0};
      Entry const b = i < then.size() ? Entry{then[i].require<std::string>("var_key"), then[i].require<int>("n_levels"),
                                              then[i].get("n_time", 1)}
                                      : Entry{"nothing", 0, 0};
      if (!(a == b))
        fail(file,
             fmt::format("the run was started with other channels: {} number {} was {}, the deck now has {}", side,
                         i + 1, text(b), text(a)),
             "restore the deck's variables and levels, or start in another save_loc");
    }
  };
  compare("input", input, n_time);
  compare("target", target, 1);
}

} // namespace rossby
