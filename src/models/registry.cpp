// Every family has a folder of its own and a line here; nothing else in the library knows it.

#include <rossby/models/model.hpp>

#include "camulator/family.hpp"
#include "core/suggest.hpp"
#include "fuxi/family.hpp"
#include "wxformer/family.hpp"

#include <rossby/core/deck_block.hpp>

#include <fmt/format.h>

namespace rossby {

namespace {
std::vector<Family>& all_families()
{
  static std::vector<Family> list{wxformer_family(), camulator_family(), fuxi_family()};
  return list;
}
} // namespace

std::vector<Family> const& families() { return all_families(); }

void add_family(Family family) { all_families().push_back(std::move(family)); }

std::shared_ptr<Spec const> read_spec(DeckNode const& model, Problems& problems)
{
  std::vector<std::string> types;
  for (auto const& family : families())
    types.insert(types.end(), family.types.begin(), family.types.end());
  std::string const known = fmt::format("known: {}", fmt::join(types, ", "));
  if (!model.exists()) {
    problems.error(model.path(), "the block is missing", "add a model: block with a type; " + known);
    return nullptr;
  }
  DeckBlock const block(model, problems);
  std::size_t const before = problems.errors().size();
  std::string type;
  if (block.require("type", type, "add one; " + known)) {
    for (auto const& family : families())
      for (auto const& name : family.types)
        if (name == type) {
          auto spec = family.read(block, type);
          // Geometry is judged only when all of its numbers could be read.
          if (problems.errors().size() == before)
            spec->check(problems);
          return spec;
        }
    auto const guess = nearest(type, types);
    problems.error(block.path("type"), fmt::format("there is no model '{}' here", type),
                   (guess.empty() ? "" : fmt::format("did you mean '{}'? ", guess)) + known);
  }
  model.mark_read(); // which of its keys are good only the type could tell
  return nullptr;
}

std::unique_ptr<Model> make_model(Spec const& spec)
{
  Problems problems;
  spec.check(problems);
  problems.raise();
  return spec.make();
}

double forward_flops(Spec const& spec)
{
  double sum = 0;
  for (auto const& part : spec.parts())
    sum += part.flops;
  return sum;
}

} // namespace rossby
