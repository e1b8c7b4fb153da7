// Files of torch.save name a few of Python's functions and classes; each is imitated here as far as it concerns
// tensors. The whitelist is that of CREDIT's own checkpoints (OrderedDict, _rebuild_tensor_v2, storages) and of what
// users' files were seen to hold besides.
#include "torch_globals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

namespace rossby::io {

namespace {
using Kind = PickleNode::Kind;

enum class Global {
  ordered_dict,
  counter,
  set,
  tensor,
  parameter,
  size,
  device,
  numpy_scalar,
  numpy_dtype,
  encode,
  storage, ///< a class that says the type of its elements
  dtype
};

struct Entry {
  Global meaning;
  ElementType type = ElementType::float32;
};

std::map<std::string, Entry> const& whitelist()
{
  static std::map<std::string, Entry> const list = [] {
    std::map<std::string, Entry> l{{"collections.OrderedDict", {Global::ordered_dict}},
                                   {"collections.Counter", {Global::counter}},
                                   {"builtins.set", {Global::set}},
                                   {"__builtin__.set", {Global::set}},
                                   {"torch._utils._rebuild_tensor", {Global::tensor}},
                                   {"torch._utils._rebuild_tensor_v2", {Global::tensor}},
                                   {"torch._utils._rebuild_parameter", {Global::parameter}},
                                   {"torch._utils._rebuild_parameter_with_state", {Global::parameter}},
                                   {"torch.Size", {Global::size}},
                                   {"torch.device", {Global::device}},
                                   {"numpy.core.multiarray.scalar", {Global::numpy_scalar}},
                                   {"numpy._core.multiarray.scalar", {Global::numpy_scalar}},
                                   {"numpy.dtype", {Global::numpy_dtype}},
                                   {"_codecs.encode", {Global::encode}}};
    struct Type {
      char const *storage, *dtype;
      ElementType type;
    };
    for (auto const& [storage, dtype, type] : {Type{"FloatStorage", "float32", ElementType::float32},
                                               {"DoubleStorage", "float64", ElementType::float64},
                                               {"HalfStorage", "float16", ElementType::float16},
                                               {"BFloat16Storage", "bfloat16", ElementType::bfloat16},
                                               {"LongStorage", "int64", ElementType::int64},
                                               {"IntStorage", "int32", ElementType::int32},
                                               {"ShortStorage", "int16", ElementType::int16},
                                               {"CharStorage", "int8", ElementType::int8},
                                               {"ByteStorage", "uint8", ElementType::uint8},
                                               {"BoolStorage", "bool", ElementType::boolean}}) {
      l[std::string("torch.") + storage] = l[std::string("torch.cuda.") + storage] = {Global::storage, type};
      l[std::string("torch.") + dtype] = {Global::dtype, type};
    }
    return l;
  }();
  return list;
}

[[noreturn]] void broken(NodeMaker const& nodes, std::string const& why)
{
  nodes.file().damaged("its list of contents (a pickle) " + why);
}

/// Names come from the file: what a terminal would take for more than text is left out.
std::string printable(std::string text)
{
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text.size() > 100 ? text.substr(0, 100) + "..." : text;
}

std::optional<Entry> entry_of(NodeMaker const& nodes, int node)
{
  if (nodes[node].kind != Kind::global)
    return {};
  return whitelist().at(nodes[node].text);
}

/// The items of a tuple of at least `least`.
std::vector<int> arguments_of(NodeMaker const& nodes, int node, std::size_t least)
{
  if (nodes[node].kind != Kind::tuple || nodes[node].items.size() < least)
    broken(nodes, "calls a function with too few arguments");
  return nodes[node].items;
}

Shape sizes_of(NodeMaker const& nodes, int node, char const* what)
{
  constexpr std::size_t most_dimensions = 32;
  auto const& tuple = nodes[node];
  if (tuple.kind != Kind::tuple || tuple.items.size() > most_dimensions)
    broken(nodes, fmt::format("has a tensor whose {} is not one", what));
  Shape sizes;
  for (int const i : tuple.items) {
    if (nodes[i].kind != Kind::integer || nodes[i].integer < 0)
      broken(nodes, fmt::format("has a tensor with a {} that is negative or not a number", what));
    sizes.push_back(nodes[i].integer);
  }
  return sizes;
}

/// All elements of a tensor are elements of its storage. In steps that can't overflow.
bool fits(StoredTensor const& t, std::uint64_t elements)
{
  if (std::any_of(t.shape.begin(), t.shape.end(), [](index_t n) { return n == 0; }))
    return true;
  auto last = static_cast<std::uint64_t>(t.offset);
  for (std::size_t d = 0; d < t.shape.size(); ++d) {
    auto const steps = static_cast<std::uint64_t>(t.shape[d] - 1), stride = static_cast<std::uint64_t>(t.strides[d]);
    if (steps > 0 && stride > elements / steps)
      return false;
    last += steps * stride;
    if (last >= elements)
      return false;
  }
  return last < elements;
}

/// The number of elements is a number, too.
bool countable(Shape const& shape)
{
  constexpr index_t most = index_t{1} << 48;
  index_t count = 1;
  for (index_t const n : shape) {
    if (n == 0)
      return true;
    if (n > most / count)
      return false;
    count *= n;
  }
  return true;
}

int make_tensor(NodeMaker const& nodes, int arguments)
{
  auto const a = arguments_of(nodes, arguments, 4);
  if (nodes[a[0]].kind != Kind::storage)
    broken(nodes, "has a tensor without a storage");
  StoredTensor t;
  t.storage = static_cast<int>(nodes[a[0]].integer);
  auto const& storage = nodes.tree().storages[static_cast<std::size_t>(t.storage)];
  t.type = storage.type;
  if (nodes[a[1]].kind != Kind::integer || nodes[a[1]].integer < 0)
    broken(nodes, "has a tensor with an offset that is negative or not a number");
  t.offset = nodes[a[1]].integer;
  t.shape = sizes_of(nodes, a[2], "size");
  t.strides = sizes_of(nodes, a[3], "stride");
  if (t.strides.size() != t.shape.size() || !countable(t.shape) || !fits(t, storage.elements))
    broken(nodes, fmt::format("has a tensor of shape {} that reaches beyond its storage of {} elements",
                              to_string(t.shape), storage.elements));
  nodes.tree().tensors.push_back(std::move(t));
  return nodes.make({Kind::tensor, static_cast<std::int64_t>(nodes.tree().tensors.size()) - 1, 0, {}, {}});
}

int make_dict(NodeMaker const& nodes, int arguments)
{
  auto const a = arguments_of(nodes, arguments, 0);
  int const dict = nodes.list(Kind::dict, {});
  if (a.empty())
    return dict;
  if (nodes[a[0]].kind == Kind::dict) {
    nodes[dict].items = nodes[a[0]].items;
    return dict;
  }
  auto const pairs = nodes[a[0]].items;
  for (int const pair : pairs) {
    auto const& items = nodes[pair].items;
    if (items.size() != 2)
      broken(nodes, "has a dict made of what are not pairs");
    nodes[dict].items.insert(nodes[dict].items.end(), items.begin(), items.end());
  }
  return dict;
}

/// What Python's `text.encode("latin1")` gives: a byte for each character up to U+00FF.
int encode(NodeMaker const& nodes, int arguments)
{
  auto const a = arguments_of(nodes, arguments, 2);
  if (nodes[a[0]].kind != Kind::text || nodes[a[1]].text != "latin1")
    broken(nodes, "encodes text in an unknown way");
  std::string bytes;
  auto const& text = nodes[a[0]].text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      bytes.push_back(text[i]);
    } else {
      if ((c & 0xfcu) != 0xc0u || i + 1 == text.size())
        broken(nodes, "encodes text that is not of this encoding");
      bytes.push_back(static_cast<char>((c & 3u) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fu)));
    }
  }
  return nodes.text(Kind::bytes, std::move(bytes));
}

/// numpy.float64(0.25) and the like. The type is known as text: "f8" and, once it has its state, "f8<".
int make_scalar(NodeMaker const& nodes, int arguments)
{
  auto const a = arguments_of(nodes, arguments, 2);
  std::string const type = nodes[a[0]].text, bytes = nodes[a[1]].text;
  bool const swapped = !type.empty() && type.back() == '>';
  std::string const code = type.substr(0, 2);
  if (nodes[a[0]].kind != Kind::other || nodes[a[1]].kind != Kind::bytes || bytes.size() > 8 || code.size() != 2 ||
      bytes.size() != static_cast<std::size_t>(code[1] - '0'))
    broken(nodes, "has a number of numpy's that is none");
  char all[8] = {};
  std::copy(bytes.begin(), bytes.end(), all);
  if (swapped)
    std::reverse(all, all + bytes.size());
  auto const bits = little<std::uint64_t>(all);
  if (code == "f8") {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return nodes.real(value);
  }
  if (code == "f4") {
    auto const low = static_cast<std::uint32_t>(bits);
    float value;
    std::memcpy(&value, &low, sizeof value);
    return nodes.real(static_cast<double>(value));
  }
  if (code == "i8")
    return nodes.integer(static_cast<std::int64_t>(bits));
  if (code == "i4")
    return nodes.integer(static_cast<std::int32_t>(bits));
  if (code == "b1")
    return nodes.make({Kind::boolean, bits != 0, 0, {}, {}});
  return nodes.text(Kind::other, "a number of numpy's type " + printable(code));
}
} // namespace

int find_global(NodeMaker const& nodes, std::string const& module, std::string const& name)
{
  std::string const full = module + "." + name;
  if (whitelist().count(full) == 0)
    nodes.file().refuse(
        fmt::format("asks for Python's {}, which is not among the few things that a file of weights may "
                    "name; nothing was run",
                    printable(full)),
        "if you trust where it comes from, load it with PyTorch and save its state_dict alone");
  return nodes.text(Kind::global, full);
}

int call_global(NodeMaker const& nodes, int global, int arguments)
{
  auto const entry = entry_of(nodes, global);
  if (!entry)
    broken(nodes, "calls what is not a function");
  switch (entry->meaning) {
  case Global::ordered_dict:
  case Global::counter:
    return make_dict(nodes, arguments);
  case Global::set: {
    auto const a = arguments_of(nodes, arguments, 1);
    return nodes.list(Kind::list, nodes[a[0]].items);
  }
  case Global::tensor:
    return make_tensor(nodes, arguments);
  case Global::parameter: {
    int const tensor = arguments_of(nodes, arguments, 1)[0];
    if (nodes[tensor].kind != Kind::tensor)
      broken(nodes, "has a parameter without a tensor");
    return tensor;
  }
  case Global::size:
    return arguments_of(nodes, arguments, 1)[0];
  case Global::device:
    return nodes.text(Kind::other, "a device");
  case Global::numpy_dtype: {
    auto const a = arguments_of(nodes, arguments, 1);
    return nodes.text(Kind::other, nodes[a[0]].text);
  }
  case Global::numpy_scalar:
    return make_scalar(nodes, arguments);
  case Global::encode:
    return encode(nodes, arguments);
  case Global::storage:
  case Global::dtype:
    break;
  }
  broken(nodes, fmt::format("calls {}", nodes[global].text));
}

void set_state(NodeMaker const& nodes, int object, int state)
{
  if (nodes[object].kind == Kind::dict)
    return; // of a state_dict: versions of modules
  if (nodes[object].kind != Kind::other || nodes[state].kind != Kind::tuple || nodes[state].items.size() < 2)
    broken(nodes, "gives a state to what has none");
  nodes[object].text += nodes[nodes[state].items[1]].text; // the byte order of a numpy.dtype
}

int find_storage(NodeMaker const& nodes, int id)
{
  // ("storage", class, key, location, elements[, view]): where it was does not matter.
  auto const& items = nodes[id].items;
  auto const entry = items.size() >= 5 ? entry_of(nodes, items[1]) : std::nullopt;
  if (nodes[id].kind != Kind::tuple || !entry || nodes[items[0]].text != "storage" ||
      nodes[items[2]].kind != Kind::text || nodes[items[4]].kind != Kind::integer || nodes[items[4]].integer < 0)
    broken(nodes, "has a storage that is none");
  if (items.size() > 5 && nodes[items[5]].kind != Kind::none)
    nodes.file().refuse("has storages within storages, as torch made before version 0.4",
                        "load it with PyTorch and save it again");
  if (entry->meaning != Global::storage)
    broken(nodes, "has a storage of no type");
  Storage s;
  s.type = entry->type;
  s.key = nodes[items[2]].text;
  s.elements = static_cast<std::uint64_t>(nodes[items[4]].integer);
  auto& tree = nodes.tree();
  int const next = static_cast<int>(tree.storages.size());
  auto const [place, is_new] = tree.storage_of_key.emplace(s.key, next);
  if (is_new)
    tree.storages.push_back(s);
  auto const& known = tree.storages[static_cast<std::size_t>(place->second)];
  if (known.type != s.type || known.elements != s.elements)
    broken(nodes, fmt::format("describes the storage '{}' in two ways", printable(s.key)));
  return nodes.make({Kind::storage, place->second, 0, {}, {}});
}

} // namespace rossby::io
