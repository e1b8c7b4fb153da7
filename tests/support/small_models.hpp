#pragma once
/// \file
/// The models that the suite runs: a deck's `model:` block in each file of tests/models. A family of models is tested
/// on every mesh by having one there.

#include "../../examples/05_own_model/neighbours.hpp"

#include <rossby/models/spec.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace rossby::test {

struct SmallModel {
  std::string name;
  std::shared_ptr<Spec const> spec;
};

inline SmallModel small_model_of(std::filesystem::path const& file)
{
  Problems problems;
  auto const deck = Deck::load(file.string());
  auto spec = read_spec(deck["model"], problems);
  deck.check_all_read(problems);
  problems.raise();
  return {file.stem().string(), std::move(spec)};
}

/// In the order of their names; the last is an example's own, which the library does not know.
inline std::vector<SmallModel> small_models()
{
  std::string const source = ROSSBY_SOURCE_DIR;
  static bool const added = (add_family(example::neighbours_family()), true);
  (void)added;
  std::vector<SmallModel> list;
  for (auto const& file : std::filesystem::directory_iterator(source + "/tests/models"))
    list.push_back(small_model_of(file.path()));
  std::sort(list.begin(), list.end(), [](SmallModel const& a, SmallModel const& b) { return a.name < b.name; });
  list.push_back(small_model_of(source + "/examples/05_own_model/model.yml"));
  list.back().name = "an_example_s_own";
  return list;
}

/// For parameterised tests.
inline std::ostream& operator<<(std::ostream& out, SmallModel const& m) { return out << m.name; }

} // namespace rossby::test
