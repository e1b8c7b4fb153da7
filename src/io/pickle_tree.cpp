#include "pickle_tree.hpp"

namespace rossby::io {

int PickleTree::find(int dict, std::string const& key) const
{
  auto const& d = nodes[static_cast<std::size_t>(dict)];
  if (d.kind != PickleNode::Kind::dict)
    return -1;
  for (std::size_t i = d.items.size(); i >= 2; i -= 2) { // of equal keys the last one counts
    auto const& k = nodes[static_cast<std::size_t>(d.items[i - 2])];
    if (k.kind == PickleNode::Kind::text && k.text == key)
      return d.items[i - 1];
  }
  return -1;
}

namespace {
PickleNode const& at(PickleTree const* tree, int node) { return tree->nodes[static_cast<std::size_t>(node)]; }
} // namespace

PickledValue::Kind PickledValue::kind() const
{
  using Node = PickleNode::Kind;
  auto const k = at(tree_, node_).kind;
  return k == Node::global || k == Node::storage ? Kind::other : static_cast<Kind>(k);
}

std::optional<std::int64_t> PickledValue::integer() const
{
  if (is(Kind::integer) || is(Kind::boolean))
    return at(tree_, node_).integer;
  return {};
}

std::optional<double> PickledValue::number() const
{
  if (is(Kind::real))
    return at(tree_, node_).real;
  if (auto const i = integer())
    return static_cast<double>(*i);
  return {};
}

std::string const* PickledValue::text() const { return is(Kind::text) ? &at(tree_, node_).text : nullptr; }

StoredTensor const* PickledValue::tensor() const
{
  return is(Kind::tensor) ? &tree_->tensors[static_cast<std::size_t>(at(tree_, node_).integer)] : nullptr;
}

std::vector<PickledValue> PickledValue::items() const
{
  std::vector<PickledValue> result;
  if (is(Kind::list) || is(Kind::tuple))
    for (int const i : at(tree_, node_).items)
      result.emplace_back(*tree_, i);
  return result;
}

std::vector<std::pair<PickledValue, PickledValue>> PickledValue::entries() const
{
  std::vector<std::pair<PickledValue, PickledValue>> result;
  if (is(Kind::dict)) {
    auto const& items = at(tree_, node_).items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
      result.emplace_back(PickledValue(*tree_, items[i]), PickledValue(*tree_, items[i + 1]));
  }
  return result;
}

std::optional<PickledValue> PickledValue::find(std::string const& key) const
{
  int const node = tree_->find(node_, key);
  if (node < 0)
    return {};
  return PickledValue(*tree_, node);
}

} // namespace rossby::io
