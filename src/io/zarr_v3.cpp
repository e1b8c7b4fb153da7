// Version 3 of Zarr: `zarr.json` has layout and attributes. The codecs are one chain: from arrays to arrays
// (transpose), from an array to bytes (bytes, or sharding with a chain of its own for the chunks within), from bytes to
// bytes.
#include "zarr_metadata.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rossby::io {

using nlohmann::json;

namespace {
/// A named extension: {"name": …, "configuration": {…}}, or the name alone.
struct Named {
  std::string name;
  json const* configuration;
};

Named named(json const& node, char const* what, ZarrMetadata const& m)
{
  static json const none = json::object();
  if (node.is_string())
    return {node.get<std::string>(), &none};
  auto const& configuration = ZarrMetadata::member(node, "configuration");
  if (!configuration.is_null() && !configuration.is_object())
    m.damaged(fmt::format("the configuration of its {} is not a JSON object", what));
  return {m.text(ZarrMetadata::member(node, "name"), fmt::format("the name of its {}", what)),
          configuration.is_null() ? &none : &configuration};
}

void refuse(ZarrArray& a, std::string why)
{
  if (a.refusal.empty())
    a.refusal = std::move(why);
}

void read_type(ZarrArray& a, ZarrMetadata const& m)
{
  auto const [name, configuration] = named(m["data_type"], "data_type", m);
  static constexpr std::pair<char const*, char> kinds[] = {{"float", 'f'}, {"int", 'i'}, {"uint", 'u'}};
  if (name == "bool" && set_number(a.type, 'b', 1))
    return;
  for (auto const& [text, kind] : kinds)
    if (std::string const prefix = text; name.rfind(prefix, 0) == 0)
      for (std::size_t const width : {1, 2, 4, 8})
        if (name == prefix + std::to_string(8 * width) && set_number(a.type, kind, width))
          return;
  if (name == "numpy.datetime64") {
    auto const& unit = ZarrMetadata::member(*configuration, "unit");
    auto const& factor = ZarrMetadata::member(*configuration, "scale_factor");
    double const seconds = unit.is_string() ? seconds_of_unit(unit.get<std::string>() == "μs" ? "us" : unit) : 0;
    double const scale = factor.is_number() ? factor.get<double>() : 1;
    if (seconds > 0 && scale > 0 && set_number(a.type, 'i', 8)) {
      a.type.seconds = seconds * scale;
      return;
    }
  }
  refuse(a, fmt::format("has elements of type '{}', which hold no field", name));
}

void read_keys(ZarrArray& a, ZarrMetadata const& m)
{
  auto const [name, configuration] = named(m["chunk_key_encoding"], "chunk_key_encoding", m);
  if (name != "default" && name != "v2") {
    refuse(a, fmt::format("has the chunk_key_encoding '{}', which is not read here", name));
    return;
  }
  a.prefix = name == "default" ? "c" : "";
  a.separator = name == "default" ? '/' : '.';
  if (auto const& separator = ZarrMetadata::member(*configuration, "separator"); !separator.is_null()) {
    auto const text = m.text(separator, "the separator of keys");
    if (text != "." && text != "/")
      m.damaged("the separator of keys is '" + text + "', neither . nor /");
    a.separator = text[0];
  }
}

/// The order of transpose after those before it.
void transpose(ZarrArray& a, json const& configuration, ZarrMetadata const& m)
{
  auto const order = m.lengths(ZarrMetadata::member(configuration, "order"), "the order of transpose", 0);
  std::vector<int> axes(a.axes.size(), -1);
  std::set<index_t> const distinct(order.begin(), order.end());
  if (order.size() != axes.size() || distinct.size() != order.size() ||
      (!distinct.empty() && *distinct.rbegin() >= static_cast<index_t>(order.size())))
    m.damaged("the order of transpose is not a permutation of the axes");
  for (std::size_t i = 0; i < axes.size(); ++i)
    axes[i] = a.axes[static_cast<std::size_t>(order[i])];
  a.axes = axes;
}

void read_byte_order(ZarrArray& a, json const& configuration, ZarrMetadata const& m)
{
  auto const& endian = ZarrMetadata::member(configuration, "endian");
  if (endian.is_null() && !a.type.has_order())
    return;
  auto const text = m.text(endian, "endian");
  if (text != "little" && text != "big")
    m.damaged("endian is '" + text + "', neither little nor big");
  a.type.big_endian = text == "big";
}

/// The index of a shard is read as all writers write it: little-endian numbers and perhaps a checksum.
void read_index_codecs(ZarrArray& a, json const& codecs, ZarrMetadata const& m)
{
  if (!codecs.is_array() || codecs.empty())
    m.damaged("sharding has no index_codecs");
  auto const bytes = named(codecs[0], "index codec", m);
  bool known = bytes.name == "bytes" && ZarrMetadata::member(*bytes.configuration, "endian") == "little";
  if (codecs.size() == 2)
    a.index_checked = named(codecs[1], "index codec", m).name == "crc32c";
  known = known && (codecs.size() == 1 || (codecs.size() == 2 && a.index_checked));
  if (!known)
    refuse(a, fmt::format("has shards whose index was written with {}, which is not read here", codecs.dump()));
}

void read_codecs(ZarrArray& a, json const& codecs, bool in_shard, ZarrMetadata const& m);

void read_sharding(ZarrArray& a, json const& configuration, ZarrMetadata const& m)
{
  auto const inner = m.lengths(ZarrMetadata::member(configuration, "chunk_shape"), "the chunk_shape of shards", 1);
  if (inner.size() != a.chunk.size())
    m.damaged("chunks and shards have not the same number of axes");
  for (std::size_t d = 0; d < inner.size(); ++d) {
    if (a.chunk[d] % inner[d] != 0)
      m.damaged(fmt::format("chunks of {} do not divide shards of {}", inner[d], a.chunk[d]));
    a.per_file[d] = a.chunk[d] / inner[d];
  }
  a.chunk = inner;
  a.sharded = true;
  auto const& location = ZarrMetadata::member(configuration, "index_location");
  auto const place = location.is_null() ? "end" : m.text(location, "index_location");
  if (place != "end" && place != "start")
    m.damaged("index_location is '" + place + "', neither end nor start");
  a.index_first = place == "start";
  read_index_codecs(a, ZarrMetadata::member(configuration, "index_codecs"), m);
  read_codecs(a, ZarrMetadata::member(configuration, "codecs"), true, m);
}

void read_codecs(ZarrArray& a, json const& codecs, bool in_shard, ZarrMetadata const& m)
{
  if (!codecs.is_array() || codecs.size() > 16)
    m.damaged("codecs are not a list of at most 16");
  bool bytes_yet = false, moved = false;
  for (auto const& node : codecs) {
    auto const [name, configuration] = named(node, "codec", m);
    if (name == "transpose" && !bytes_yet) {
      transpose(a, *configuration, m);
      moved = true;
    } else if (name == "bytes" && !bytes_yet) {
      read_byte_order(a, *configuration, m);
      bytes_yet = true;
    } else if (name == "sharding_indexed" && !bytes_yet) {
      if (in_shard || moved || codecs.size() > 1) {
        refuse(a, "has shards with codecs around them or within each other, which are not read here");
        return;
      }
      read_sharding(a, *configuration, m);
      return;
    } else if (!bytes_yet) {
      refuse(a, fmt::format("was written with the codec '{}', which is not read here", name));
      return;
    } else if (name == "crc32c") {
      a.codecs.push_back({ZarrCodec::Kind::crc32c});
    } else if (auto const codec =
                   zarr_codec(name.rfind("numcodecs.", 0) == 0 ? name.substr(10) : name, *configuration)) {
      a.codecs.push_back(*codec);
    } else {
      refuse(a, fmt::format("was written with the codec '{}', which is not read here", name));
      return;
    }
  }
  if (!bytes_yet)
    m.damaged("no codec makes bytes of the elements");
}

/// What the format does not know may only be passed over where it says so.
void expect_understood(ZarrArray& a, json const& node)
{
  static std::set<std::string> const known{
      "zarr_format",        "node_type",  "shape",  "data_type",  "chunk_grid",
      "chunk_key_encoding", "fill_value", "codecs", "attributes", "storage_transformers",
      "dimension_names"};
  for (auto const& [key, value] : node.items())
    if (known.count(key) == 0 && ZarrMetadata::member(value, "must_understand") != false)
      refuse(a, fmt::format("has '{}' in its metadata, which is not understood here", key));
  auto const& transformers = ZarrMetadata::member(node, "storage_transformers");
  if (!transformers.is_null() && !transformers.empty())
    refuse(a, "has storage_transformers, which are not understood here");
}
} // namespace

std::optional<ZarrArray> read_zarr_v3(std::string const& name, std::string const& where, json const& node)
{
  ZarrMetadata const m(where, node);
  if (m["node_type"] != "array")
    return std::nullopt;
  if (m["zarr_format"] != 3)
    m.damaged(fmt::format("zarr_format is {}, not 3", m["zarr_format"].dump()));
  ZarrArray a;
  a.info.name = name;
  a.info.shape = m.lengths(m["shape"], "shape", 0);
  std::size_t const rank = a.info.shape.size();
  auto const names = m.dimensions(m["dimension_names"], rank);
  if (!names)
    return std::nullopt;
  a.info.dimensions = *names;
  a.attributes = m["attributes"].is_null() ? json::object() : m["attributes"];
  if (!a.attributes.is_object())
    m.damaged("the attributes are not a JSON object");
  expect_understood(a, node);
  read_type(a, m);
  a.info.type = a.type.stored;

  auto const [grid, configuration] = named(m["chunk_grid"], "chunk_grid", m);
  a.chunk.assign(rank, 1);
  a.per_file.assign(rank, 1);
  for (std::size_t i = 0; i < rank; ++i)
    a.axes.push_back(static_cast<int>(i));
  if (grid != "regular") {
    refuse(a, fmt::format("has chunks in a grid '{}', which is not read here", grid));
    return a;
  }
  a.chunk = m.lengths(ZarrMetadata::member(*configuration, "chunk_shape"), "chunk_shape", 1);
  if (a.chunk.size() != rank)
    m.damaged(fmt::format("shape has {} lengths and chunk_shape {}", rank, a.chunk.size()));
  read_keys(a, m);
  if (a.type.stored != StoredType::other)
    read_codecs(a, m["codecs"], false, m);
  if (a.refusal.empty()) {
    if (m["fill_value"].is_null())
      m.damaged("there is no fill_value");
    a.fill = m.fill(m["fill_value"], a.type);
  }
  m.check(a);
  return a;
}

} // namespace rossby::io
