#include "renaming.hpp"

#include "core/suggest.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

namespace rossby {

namespace {
using Mapping = std::map<std::string, std::string>;

/// `mapping`, or the file of such.
Mapping read_mapping(DeckNode const& args)
{
  if (args.has("mapping") == args.has("mapping_file"))
    args.reject("must have one of mapping and mapping_file", "mapping: {OLD/prognostic/3d/x: NEW/prognostic/3d/y}");
  auto const file =
      args.has("mapping_file") ? std::optional(Deck::load(args["mapping_file"].as<std::string>())) : std::nullopt;
  Mapping mapping;
  for (auto const& [from, to] : (file ? file->root() : args["mapping"]).entries())
    mapping[from] = to.as<std::string>();
  return mapping;
}

void expect_both(DeckNode const& args)
{
  auto const types = args.get("data_types", std::vector<std::string>{"input", "target"});
  if (std::set<std::string>(types.begin(), types.end()) != std::set<std::string>{"input", "target"})
    args["data_types"].reject("must name input and target: a variable has one key", "leave it out");
}

/// The entry under its new key, which may differ in source and name alone.
void rename(SchemaEntry& e, std::string const& key, DeckNode const& where)
{
  auto const from = split(e.key, '/'), to = split(key, '/');
  if (to.size() != 4 || to[0].empty() || to[3].empty())
    where.reject(fmt::format("'{}' is not a key", key), "give SOURCE/prognostic/3d/name, or the like");
  if (from[1] != to[1] || from[2] != to[2])
    where.reject(fmt::format("{} can't become {}: only source and name can change", e.key, key),
                 fmt::format("name it {}/{}/{}/{}", to[0], from[1], from[2], to[3]));
  if (e.name_in_files.empty())
    e.name_in_files = e.variable;
  e.key = key;
  e.variable = to[3];
}

void rename_all(DeckNode const& args, ChannelSchema& schema)
{
  auto const mapping = read_mapping(args);
  auto const where = args[args.has("mapping") ? "mapping" : "mapping_file"];
  expect_both(args);
  std::set<std::string> known;
  for (auto* const list : {&schema.input, &schema.target}) {
    std::set<std::string> keys;
    for (auto& e : *list) {
      known.insert(e.key);
      if (auto const it = mapping.find(e.key); it != mapping.end())
        rename(e, it->second, where);
      if (!keys.insert(e.key).second)
        where.reject(fmt::format("gives two variables the key {}", e.key), "give each its own");
    }
  }
  for (auto const& [from, to] : mapping)
    if (known.count(from) == 0) {
      auto const near = nearest(from, {known.begin(), known.end()});
      where.reject(fmt::format("{} is not a variable of the data", from),
                   near.empty() ? "there are: " + join({known.begin(), known.end()})
                                : fmt::format("did you mean {}?", near));
    }
}
} // namespace

void rename_variables(DeckNode const& preblocks, ChannelSchema& schema, Problems& problems)
{
  if (!preblocks.exists() || !preblocks.is_map())
    return;
  for (char const* phase : {"ic_only", "per_step"}) // forcing goes by the new names at later steps, too
    for (auto const& [name, entry] : preblocks[phase].entries())
      if (entry.is_map() && entry.get("type", std::string()) == "rename") {
        try {
          rename_all(entry["args"], schema);
        } catch (Error const& e) {
          problems.add(e);
        }
      }
}

} // namespace rossby
