// 8 bytes of header length, a header in JSON that gives each tensor's type, shape and place, then the numbers:
// contiguous, row-major, little-endian, without gaps or overlaps.
#include "little_endian.hpp"
#include "torch_container.hpp"
#include "unpickler.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace rossby::io {

namespace {
using Json = nlohmann::ordered_json;
using Kind = PickleNode::Kind;
/// The format's own bound is 100 MB; a header takes some hundred bytes for each tensor.
constexpr std::uint64_t most_header = std::uint64_t{1} << 26;

std::optional<ElementType> type_of(Json const& entry)
{
  static std::map<std::string, ElementType> const types{{"F64", ElementType::float64}, {"F32", ElementType::float32},
                                                        {"F16", ElementType::float16}, {"BF16", ElementType::bfloat16},
                                                        {"I64", ElementType::int64},   {"I32", ElementType::int32},
                                                        {"I16", ElementType::int16},   {"I8", ElementType::int8},
                                                        {"U8", ElementType::uint8},    {"BOOL", ElementType::boolean}};
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string())
    return {};
  auto const found = types.find(entry["dtype"].get<std::string>());
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

/// Refuses what the parser would let through: deep nesting, and two tensors of one name, of which it would keep one.
Json parse_header(InputFile const& file, std::string const& text)
{
  std::set<std::string> names;
  std::string wrong;
  Json header = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json& value) {
        if (depth > 4 && wrong.empty())
          wrong = "its header nests too deeply";
        if (event == Json::parse_event_t::key && depth == 1 && !names.insert(value.get<std::string>()).second)
          wrong = fmt::format("its header names '{}' twice", value.get<std::string>());
        return wrong.empty();
      },
      false);
  if (!wrong.empty())
    file.damaged(wrong);
  if (!header.is_object())
    file.damaged("its header is not a JSON object");
  return header;
}

/// Whole numbers that are not negative.
std::optional<std::vector<std::uint64_t>> counts(Json const& entry, char const* key)
{
  auto const list = entry.find(key);
  if (list == entry.end() || !list->is_array() || list->size() > 32)
    return {};
  std::vector<std::uint64_t> result;
  for (auto const& n : *list) {
    if (!n.is_number_unsigned() || n.get<std::uint64_t>() > std::uint64_t{1} << 48)
      return {};
    result.push_back(n.get<std::uint64_t>());
  }
  return result;
}
} // namespace

bool is_safetensors(InputFile const& file)
{
  return file.size() >= 10 && file.read(8, 1) == "{" &&
         little<std::uint64_t>(file.read(0, 8).data()) < std::uint64_t{1} << 40;
}

int read_safetensors(InputFile const& file, PickleTree& tree)
{
  auto const length = little<std::uint64_t>(file.read(0, 8).data());
  if (!file.holds(8, length))
    file.damaged(fmt::format("its header of {} bytes reaches beyond its end", length));
  if (length > most_header)
    file.refuse(fmt::format("its header takes {} MiB, which no file of weights needs", length >> 20));
  std::uint64_t const begin = 8 + length, bytes = file.size() - begin;
  auto const header = parse_header(file, file.read(8, length));
  NodeMaker const nodes(file, tree);
  int const root = nodes.list(Kind::dict, {});
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  for (auto const& [name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    auto const type = type_of(entry);
    if (!type)
      file.refuse(fmt::format("its tensor '{}' has no type that this program reads", name));
    auto const shape = counts(entry, "shape"), place = counts(entry, "data_offsets");
    if (!shape || !place || place->size() != 2 || (*place)[0] > (*place)[1] || (*place)[1] > bytes)
      file.damaged(fmt::format("its tensor '{}' has no shape, or lies beyond the file's end", name));
    StoredTensor t;
    t.type = *type;
    t.shape.assign(shape->begin(), shape->end());
    t.strides.resize(t.shape.size());
    std::uint64_t elements = 1;
    for (auto const n : *shape) {
      if (n > 0 && elements > (std::uint64_t{1} << 48) / n)
        file.damaged(fmt::format("its tensor '{}' has an impossible shape", name));
      elements *= n;
    }
    index_t stride = 1;
    for (std::size_t d = t.shape.size(); d-- > 0;) {
      t.strides[d] = stride;
      stride *= std::max<index_t>(1, t.shape[d]);
    }
    if (elements * size_of(*type) != (*place)[1] - (*place)[0])
      file.damaged(fmt::format("its tensor '{}' of shape {} takes {} bytes", name, to_string(t.shape),
                               (*place)[1] - (*place)[0]));
    t.storage = static_cast<int>(tree.storages.size());
    tree.storages.push_back({*type, name, elements, begin + (*place)[0], (*place)[1] - (*place)[0]});
    tree.tensors.push_back(t);
    places.emplace_back((*place)[0], (*place)[1]);
    int const tensor = nodes.make({Kind::tensor, t.storage, 0, {}, {}}), key = nodes.text(Kind::text, name);
    nodes[root].items.insert(nodes[root].items.end(), {key, tensor});
  }
  std::sort(places.begin(), places.end());
  std::uint64_t next = 0;
  for (auto const& [from, to] : places) {
    if (from != next)
      file.damaged("its tensors overlap or leave gaps");
    next = to;
  }
  if (next != bytes)
    file.damaged(fmt::format("it has {} bytes of numbers and describes {}", bytes, next));
  return root;
}

} // namespace rossby::io
