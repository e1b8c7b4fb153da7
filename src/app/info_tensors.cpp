#include "commands.hpp"

#include "io/tensor_file.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

namespace rossby::app {

namespace {
using io::PickledValue;

struct Tally {
  index_t tensors = 0, elements = 0;
};

std::string name_of_key(PickledValue const& key)
{
  if (key.text())
    return *key.text();
  auto const number = key.integer();
  return number ? std::to_string(*number) : "?";
}

std::string plain_text(PickledValue const& value)
{
  if (value.text())
    return *value.text();
  if (value.is(PickledValue::Kind::none))
    return "None";
  auto const number = value.number();
  return number ? fmt::format("{}", *number) : fmt::format("{} values", value.items().size());
}

Tally visit(PickledValue const& value, std::string const& path, bool all)
{
  if (auto const* tensor = value.tensor()) {
    if (all)
      logging::info(fmt::format("{:<70} {:<9} {}", path, name_of(tensor->type), to_string(tensor->shape)));
    return {1, product(tensor->shape)};
  }
  Tally t;
  for (auto const& [key, item] : value.entries()) {
    auto const inner = visit(item, path + "/" + name_of_key(key), all);
    t.tensors += inner.tensors;
    t.elements += inner.elements;
  }
  if (all && value.entries().empty())
    logging::info(fmt::format("{:<70} {}", path, plain_text(value)));
  return t;
}
} // namespace

int info_of_tensors(std::string const& path, bool all)
{
  io::TensorFile const file(path);
  logging::info(fmt::format("{}: {}\n", path, file.format()));
  for (auto const& [key, value] : file.root().entries()) {
    auto const name = name_of_key(key);
    auto const t = visit(value, "/" + name, all);
    if (!all && t.tensors > 0)
      logging::info(fmt::format("{:<40} {} tensor{}, {} element{}", name, t.tensors, t.tensors == 1 ? "" : "s",
                                t.elements, t.elements == 1 ? "" : "s"));
    else if (!all)
      logging::info(fmt::format("{:<40} {}", name, value.entries().empty() ? plain_text(value) : "no tensors"));
  }
  return 0;
}

} // namespace rossby::app
