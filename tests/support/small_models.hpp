#pragma once
/// \file
/// The models that the suite runs: a deck's `model:` block in each file of tests/models. A family of models is tested
/// on every mesh by having one there.

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

/// In the order of their names.
inline std::vector<SmallModel> small_models()
{
  std::vector<SmallModel> list;
  for (auto const& file : std::filesystem::directory_iterator(std::string(ROSSBY_SOURCE_DIR) + "/tests/models")) {
    Problems problems;
    auto const deck = Deck::load(file.path().string());
    auto spec = read_spec(deck["model"], problems);
    deck.check_all_read(problems);
    problems.raise();
    list.push_back({file.path().stem().string(), std::move(spec)});
  }
  std::sort(list.begin(), list.end(), [](SmallModel const& a, SmallModel const& b) { return a.name < b.name; });
  return list;
}

/// For parameterised tests.
inline std::ostream& operator<<(std::ostream& out, SmallModel const& m) { return out << m.name; }

} // namespace rossby::test
