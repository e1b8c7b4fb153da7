#include "wet_mask.hpp"

#include "physics_file.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <map>

namespace rossby {

namespace {
/// The store or file with the masks.
std::string path_of(DeckNode const& args)
{
  if (!args.has("conf"))
    return args.require<std::string>("mask_path");
  // CREDIT hands over the whole deck of a run; all but this serves to find it there.
  auto const data = args["conf"]["data"];
  auto const path = data.require<std::string>("data_path");
  args["conf"].mark_read();
  return path;
}

/// Longitude and latitude, called as the file has them.
std::vector<std::string> coordinates(DeckNode const& args, io::ArrayReader const& reader, std::string const& path)
{
  if (args.has("lon_lat_name")) {
    auto const names = args["lon_lat_name"].as<std::vector<std::string>>();
    if (names.size() != 2)
      args["lon_lat_name"].reject(fmt::format("has {} names", names.size()), "name longitude and latitude");
    return names;
  }
  for (auto const& names : {std::vector<std::string>{"lon", "lat"}, std::vector<std::string>{"longitude", "latitude"}})
    if (reader.has(names[0]) && reader.has(names[1]))
      return names;
  fail(path, "has neither lon and lat nor longitude and latitude, so how its masks lie is not known",
       fmt::format("name them: {}.lon_lat_name: [LONGITUDE, LATITUDE]", args.path()));
}

/// Samudra's names end with the number of their depth; those without an underscore lie at the surface.
int depth_of(SchemaEntry const& e, DeckNode const& args)
{
  if (e.n_levels() != 1)
    args.reject(fmt::format("{} has {} levels, and masks go by the names of variables", e.key, e.n_levels()),
                fmt::format("list its depths as variables of their own: {0}_0, {0}_1 and so on", e.variable));
  auto const at = e.variable.rfind('_');
  if (at == std::string::npos)
    return 0;
  auto const digits = e.variable.substr(at + 1);
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos)
    args.reject(fmt::format("the name of {} does not end with the number of a depth", e.key),
                "name variables as Samudra does: thetao_0, thetao_1, ..., and those of the surface without underscore");
  return std::stoi(digits);
}
} // namespace

std::vector<TransformChain> read_wet_mask(DeckNode const& args, BlockFields const& fields)
{
  if (auto const key = args.get("key", std::string("prediction")); key != "y_pred")
    args["key"].reject(fmt::format("'{}' is not offered{}", key,
                                   args.has("key") ? "" : ", which is CREDIT's default, made by a trainer of its own"),
                       "set key: y_pred, the model's own output");
  auto const path = path_of(args);
  io::ArrayReader const reader(path);
  auto const names = coordinates(args, reader, path);
  PhysicsFile const file(path, names[0], names[1], fields.grid);
  bool const one_array = !reader.has("mask_0");
  if (one_array && !reader.has("wetmask"))
    fail(path, "has neither mask_0 nor wetmask", "name the store that has the ocean's masks");
  std::map<int, std::vector<double>> masks; // by depth
  std::vector<TransformChain> chains;
  for (auto const& e : fields.schema.target) {
    int const depth = depth_of(e, args);
    auto& mask = masks[depth];
    if (mask.empty())
      mask = one_array ? file.field_at("wetmask", depth) : file.field_at(fmt::format("mask_{}", depth), 0);
    TransformStep step;
    step.cell_scale = mask;
    step.cell_offset.assign(mask.size(), 0);
    chains.push_back({step});
  }
  return chains;
}

} // namespace rossby
