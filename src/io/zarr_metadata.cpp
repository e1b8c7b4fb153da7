#include "zarr_metadata.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace rossby::io {

using nlohmann::json;

std::string ZarrArray::key(Shape const& file) const
{
  std::string text = prefix;
  for (auto const n : file) {
    if (!text.empty())
      text += separator;
    text += std::to_string(n);
  }
  return text.empty() ? "0" : text; // a scalar of version 2
}

ZarrMetadata::ZarrMetadata(std::string where, json const& node) : where_(std::move(where)), node_(node)
{
  if (!node_.is_object())
    damaged("they are not a JSON object");
}

json const& ZarrMetadata::member(json const& of, std::string const& key)
{
  static json const absent;
  if (!of.is_object())
    return absent;
  auto const found = of.find(key);
  return found == of.end() ? absent : *found;
}

void ZarrMetadata::damaged(std::string const& what) const
{
  fail(where_, "its metadata are damaged: " + what, "use another copy of the store");
}

Shape ZarrMetadata::lengths(json const& list, std::string const& key, index_t least) const
{
  if (!list.is_array() || list.size() > 32)
    damaged(key + " is not a list of at most 32 lengths");
  Shape shape;
  for (auto const& n : list) {
    // As large as a whole number in a double can be.
    if (!n.is_number_integer() || (n.is_number_unsigned() && n.get<std::uint64_t>() > (std::uint64_t{1} << 53)) ||
        n.get<std::int64_t>() < least)
      damaged(fmt::format("{} has a length of {}", key, n.dump()));
    shape.push_back(n.get<index_t>());
  }
  return shape;
}

std::string ZarrMetadata::text(json const& value, std::string const& key) const
{
  if (!value.is_string())
    damaged(key + " is not a text");
  return value.get<std::string>();
}

double ZarrMetadata::fill(json const& value, ZarrType const& type) const
{
  double x = std::numeric_limits<double>::quiet_NaN();
  if (value.is_null() || value == "NaN")
    return x;
  if (value.is_boolean())
    x = value.get<bool>() ? 1 : 0;
  else if (value.is_number_unsigned())
    x = static_cast<double>(value.get<std::uint64_t>());
  else if (value.is_number_integer())
    x = static_cast<double>(value.get<std::int64_t>());
  else if (value.is_number())
    x = value.get<double>();
  else if (value == "Infinity" || value == "-Infinity")
    x = value == "Infinity" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  else if (std::string const digits = text(value, "fill_value");
           digits.rfind("0x", 0) == 0 && digits.size() == 2 + 2 * type.width &&
           digits.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string::npos) {
    auto const bits = std::stoull(digits, nullptr, 16);
    if (type.stored == StoredType::float64)
      std::memcpy(&x, &bits, sizeof x);
    else if (type.stored == StoredType::float32 && !type.is_half) {
      auto const low = static_cast<std::uint32_t>(bits);
      float f = 0;
      std::memcpy(&f, &low, sizeof f);
      return static_cast<double>(f);
    } else if (type.stored == StoredType::float32)
      damaged("the bits of a float16 as fill_value are not understood");
    else
      x = static_cast<double>(bits);
  } else
    damaged(fmt::format("fill_value {} is not a number", value.dump()));
  return type.stored == StoredType::float32 ? static_cast<double>(static_cast<float>(x)) : x;
}

std::optional<std::vector<std::string>> ZarrMetadata::dimensions(json const& list, std::size_t rank) const
{
  std::vector<std::string> names;
  if (list.is_null() && rank > 0)
    return std::nullopt;
  if (!list.is_null() && (!list.is_array() || list.size() != rank))
    damaged(fmt::format("the names of dimensions are {}, but there are {} dimensions", list.dump(), rank));
  for (auto const& name : list) {
    if (!name.is_string())
      return std::nullopt;
    names.push_back(name.get<std::string>());
  }
  return names;
}

void ZarrMetadata::check(ZarrArray& a) const
{
  std::size_t const rank = a.info.shape.size();
  if (a.chunk.size() != rank || a.per_file.size() != rank)
    damaged(fmt::format("shape has {} lengths and chunks {}", rank, a.chunk.size()));
  auto const product_is_below = [](Shape const& shape, std::uint64_t factor, std::uint64_t most) {
    for (auto const n : shape) {
      if (n > 0 && factor > most / static_cast<std::uint64_t>(n))
        return false;
      factor *= static_cast<std::uint64_t>(n);
    }
    return true;
  };
  if (!product_is_below(a.info.shape, 8, std::uint64_t{1} << 62))
    damaged("shape has more elements than can be counted");
  if (!product_is_below(a.chunk, a.type.width, most_chunk_bytes))
    a.refusal = fmt::format("has chunks of more than {} bytes", most_chunk_bytes);
  if (!product_is_below(a.per_file, 16, most_chunk_bytes))
    a.refusal = fmt::format("has shards with an index of more than {} bytes", most_chunk_bytes);
}

std::optional<ZarrCodec> zarr_codec(std::string const& name, json const& settings)
{
  using Kind = ZarrCodec::Kind;
  static constexpr std::pair<char const*, Kind> known[] = {{"blosc", Kind::blosc}, {"zstd", Kind::zstd},
                                                           {"zlib", Kind::zlib},   {"gzip", Kind::gzip},
                                                           {"lz4", Kind::lz4},     {"shuffle", Kind::shuffle}};
  for (auto const& [id, kind] : known)
    if (name == id) {
      ZarrCodec codec;
      codec.kind = kind;
      auto const& element = ZarrMetadata::member(settings, "elementsize");
      if (kind == Kind::shuffle && element.is_number_unsigned() && element.get<std::uint64_t>() > 0 &&
          element.get<std::uint64_t>() <= 4096)
        codec.element = element.get<std::size_t>();
      else if (kind == Kind::shuffle && !element.is_null())
        return std::nullopt;
      return codec;
    }
  return std::nullopt;
}

bool set_number(ZarrType& type, char kind, std::size_t width)
{
  struct Number {
    char kind;
    std::size_t width;
    StoredType stored;
  };
  static constexpr Number numbers[] = {
      {'b', 1, StoredType::uint8},   {'i', 1, StoredType::int8},    {'i', 2, StoredType::int16},
      {'i', 4, StoredType::int32},   {'i', 8, StoredType::int64},   {'u', 1, StoredType::uint8},
      {'u', 2, StoredType::uint16},  {'u', 4, StoredType::uint32},  {'u', 8, StoredType::uint64},
      {'f', 2, StoredType::float32}, {'f', 4, StoredType::float32}, {'f', 8, StoredType::float64}};
  for (auto const& n : numbers)
    if (n.kind == kind && n.width == width) {
      type.stored = n.stored;
      type.width = width;
      type.is_half = kind == 'f' && width == 2;
      return true;
    }
  return false;
}

double seconds_of_unit(std::string const& unit)
{
  static constexpr std::pair<char const*, double> units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                                                             {"m", 60},    {"h", 3600},  {"D", 86400}, {"W", 604800}};
  for (auto const& [name, seconds] : units)
    if (unit == name)
      return seconds;
  return 0;
}

} // namespace rossby::io
