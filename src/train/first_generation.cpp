// First-generation decks become second-generation ones in memory, block by block, and everything behind reads only
// those.
//
// What the keys mean was read from the loader and the trainer that still run such decks, not from CREDIT's converter,
// which loses the history, shifts years, drops paddings and the output's corrections, and changes the scale of inputs.
// The rules: channels keep their order (by sources, where one source would change it); a sample never crosses the end
// of a file (one date range for each file, from its own time axis); the files of means and deviations stay as they are;
// keys that the first generation read and did not use are dropped, each with a comment.
//
// Every key that is made remembers the one that was written (DeckEditor). What can't be translated becomes a fault at
// its new place: the error appears once, whoever reads it first, and nothing else is said of that place.
#include "first_generation_parts.hpp"

#include "core/suggest.hpp"
#include "io/array_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace rossby {

namespace {
constexpr char unit = '\x1f', group = '\x1d'; // separators that no path and no message has
} // namespace

FileLook FileLook::nothing() { return {}; }

FileLook FileLook::into_files()
{
  FileLook look;
  look.way_ = Way::files;
  return look;
}

FileLook FileLook::replay(std::string const& record)
{
  FileLook look;
  look.way_ = Way::replay;
  auto const parts = split(record, group);
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2)
    look.answers_.emplace_back(parts[i], parts[i + 1]);
  return look;
}

std::string FileLook::record() const
{
  std::string text;
  for (auto const& [question, answer] : answers_)
    text += question + group + answer + group;
  return text;
}

template <class F> std::string FileLook::answer(std::string const& question, F&& look)
{
  auto const known = std::find_if(answers_.begin(), answers_.end(), [&](auto const& a) { return a.first == question; });
  std::string text;
  if (known != answers_.end()) {
    text = known->second;
  } else if (way_ == Way::files) {
    try {
      text = "=" + look();
    } catch (Error const& e) {
      text = std::string("!") + e.where() + unit + e.problem() + unit + e.fix();
    }
    answers_.emplace_back(question, text);
  }
  if (text.empty() || text[0] == '=')
    return text.empty() ? text : text.substr(1);
  auto const parts = split(text.substr(1), unit);
  fail(parts.at(0), parts.at(1), parts.at(2));
}

Survey FileLook::survey(std::string const& pattern, std::set<int> const& years, std::string const& variable_3d,
                        std::string const& deck_key)
{
  return survey_of(
      answer("times of " + pattern, [&] { return to_text(survey_files(pattern, years, variable_3d, deck_key)); }));
}

std::optional<std::vector<std::string>> FileLook::variables(std::string const& file)
{
  auto const names = answer("variables of " + file, [&] {
    std::string text;
    if (!std::filesystem::exists(file))
      return text;
    io::ArrayReader const reader(file);
    for (auto const& v : reader.variables())
      text += v.name + unit;
    return text;
  });
  if (names.empty())
    return std::nullopt;
  auto list = split(names, unit);
  list.pop_back();
  return list;
}

bool is_first_generation(Deck const& deck)
{
  auto const data = deck["data"];
  if (!data.is_map())
    return false;
  auto const entries = data.entries();
  auto const has = [&](std::string const& key) {
    return std::any_of(entries.begin(), entries.end(), [&](auto const& e) { return e.first == key; });
  };
  if (has("source"))
    return false;
  for (char const* key : {"variables", "surface_variables", "save_loc", "save_loc_surface", "train_years", "data_path"})
    if (has(key))
      return true;
  return false;
}

namespace first_generation {

void refuse(Work& work, std::string const& place, DeckNode const& written, std::string const& what,
            std::string const& fix)
{
  written.mark_read();
  Error const error(written.path(), what, fix);
  work.problems.add(error);
  if (!place.empty())
    work.out.fault(place, error);
}

std::vector<std::string> words(Work& work, DeckNode const& node)
{
  std::vector<std::string> list;
  if (node.exists())
    DeckBlock(node, work.problems).attempt([&] { list = node.as<std::vector<std::string>>(); });
  return list;
}

} // namespace first_generation

Translation to_second_generation(Deck const& old, FileLook& look)
{
  using namespace first_generation;
  DeckEditor out(old.name());
  Problems problems;
  Work work{old, out, problems, look};
  auto const root = old.root();
  for (char const* key : {"save_loc", "seed"})
    if (root.has(key))
      out.copy(root[key], key);
  translate_data(work);
  translate_model(work);
  translate_post_conf(work);
  translate_trainer(work);
  translate_loss(work);
  translate_predict(work);

  static std::vector<std::string> const done{"save_loc", "seed", "data", "model", "trainer", "loss", "predict"};
  static std::vector<std::string> const of_others{"visualization", "diagnostics",     "ptype", "use_ptype",
                                                  "wandb",         "hyperparameters", "scaler"};
  auto const among = [](std::vector<std::string> const& list, std::string const& key) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  for (auto const& [key, node] : root.entries())
    if (among(of_others, key))
      node.mark_read();
    else if (!among(done, key)) // the second generation's own blocks win; and jobs' settings
      out.merge(node, key);
  old.check_all_read(problems);
  return {out.deck(problems), out.commented()};
}

Deck current_form(Deck const& deck, FileLook& look)
{
  if (is_first_generation(deck))
    return to_second_generation(deck, look).deck;
  DeckEditor out(deck);
  Problems problems;
  first_generation::Work work{deck, out, problems, look};
  first_generation::translate_older_spellings(work);
  return problems.errors().empty() && problems.warnings().empty() ? deck : out.deck(problems);
}

} // namespace rossby
