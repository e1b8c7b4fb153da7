// A run is continued as it was, or the difference is named. Compared are the deck's keys as they are written, all but
// those that change no number (where things are kept, how often, on how many ranks): a key that is new here, or that
// somebody adds to the deck format later, counts without anything being added to this file.
#include "run_settings.hpp"

#include "array_source.hpp"
#include "text_file.hpp"

#include "train/config.hpp"
#include "train/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace rossby {

namespace fs = std::filesystem;

namespace {
/// Blocks whose numbers a run depends on; the model has a fingerprint of its own.
constexpr char const* blocks[] = {"seed",       "data", "validation_data", "data_valid", "preblocks",
                                  "postblocks", "loss", "metrics",         "trainer"};

/// Keys of the trainer that change no number of a run that goes on. (The batch is compared over all ranks.)
std::set<std::string> const free_keys{"trainer.type",
                                      "trainer.mode",
                                      "trainer.parallelism",
                                      "trainer.tensor_whole",
                                      "trainer.activation_checkpoint",
                                      "trainer.train_batch_size",
                                      "trainer.valid_batch_size",
                                      "trainer.epochs",
                                      "trainer.num_epoch",
                                      "trainer.stop_after_epoch",
                                      "trainer.train_one_epoch",
                                      "trainer.stopping_patience",
                                      "trainer.load_weights",
                                      "trainer.load_optimizer",
                                      "trainer.load_scheduler",
                                      "trainer.load_scaler",
                                      "trainer.reload_epoch",
                                      "trainer.update_learning_rate",
                                      "trainer.start_epoch",
                                      "trainer.save_backup_weights",
                                      "trainer.save_best_weights",
                                      "trainer.save_every_epoch",
                                      "trainer.save_every_steps",
                                      "trainer.save_metric_vars",
                                      "trainer.thread_workers",
                                      "trainer.valid_thread_workers",
                                      "trainer.prefetch_factor",
                                      "trainer.compile",
                                      "trainer.use_tensorboard",
                                      "trainer.cpu_offload",
                                      "trainer.skip_nan_prune",
                                      "trainer.dataloader_timeout_s"};

/// The value of a learning rate that is meant to be another after a resume.
constexpr char const* updated = "as trainer.update_learning_rate has it";

using Lines = std::map<std::string, std::string>;

std::string one_line(std::string text)
{
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// Calls `f` with every scalar and list that counts.
template <class F> void for_each_value(DeckNode const& node, F&& f)
{
  if (!node.exists() || free_keys.count(node.path()) > 0)
    return;
  if (!node.is_map())
    f(node);
  else
    for (auto const& [key, child] : node.entries())
      for_each_value(child, f);
}

template <class F> void for_each_value(Deck const& deck, F&& f)
{
  for (char const* block : blocks)
    for_each_value(deck[block], f);
}

/// So that no key of the run's own counts as read.
Deck copy_of(Deck const& deck) { return Deck::parse(deck.text(), deck.name()); }

Lines lines_of(Deck const& deck)
{
  Lines lines;
  Deck const copy = copy_of(deck);
  for_each_value(copy, [&](DeckNode const& node) { lines[node.path()] = one_line(node.dump()); });
  if (copy["trainer"].is_map() && copy["trainer"].get<bool>("update_learning_rate", false))
    lines["trainer.learning_rate"] = updated;
  return lines;
}

std::string text_of(Lines const& lines)
{
  std::string text;
  for (auto const& [key, value] : lines)
    text += key + ": " + value + '\n';
  return text;
}

Lines parsed(std::string const& text)
{
  Lines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (auto const colon = line.find(": "); colon != std::string::npos)
      lines[line.substr(0, colon)] = line.substr(colon + 2);
  return lines;
}

/// "2.0e-3" is 0.002.
bool same_value(std::string const& a, std::string const& b)
{
  if (a == b)
    return true;
  char *end_a = nullptr, *end_b = nullptr;
  double const x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
  return !a.empty() && !b.empty() && *end_a == '\0' && *end_b == '\0' && x == y;
}

/// What a line says about a file or about ranks; a deck alone does not have such lines.
bool is_derived(std::string const& key) { return key.find(' ') != std::string::npos; }

/// Of files that are small enough to be read for it: scalers, masks, weights of latitudes.
void add_content(std::string const& key, std::string const& value, Lines& lines)
{
  constexpr std::uintmax_t most = std::uintmax_t{64} << 20;
  std::error_code none;
  if (!fs::is_regular_file(value, none) || fs::file_size(value, none) > most)
    return;
  lines[key + " (content)"] = fmt::format("{:016x}", static_cast<std::uint64_t>(checksum(text_of_file(value))));
}
} // namespace

std::string settings_of(Deck const& deck) { return text_of(lines_of(deck)); }

namespace {
Lines lines_with_files(Deck const& deck)
{
  Lines lines = lines_of(deck);
  for_each_value(copy_of(deck), [&](DeckNode const& node) {
    if (node.is_scalar())
      add_content(node.path(), node.as<std::string>(), lines);
  });
  return lines;
}
} // namespace

std::string settings_with_files(Deck const& deck) { return text_of(lines_with_files(deck)); }

std::string settings_of(Session const& session)
{
  auto const& config = session.config();
  Lines lines = lines_with_files(session.deck());
  lines["trainer.train_batch_size times data ranks"] = std::to_string(
      config.trainer.train_batch_size * session.ranks().size() / config.trainer.parallelism.group_size());
  return text_of(lines);
}

std::string state_of_file(std::string const& path)
{
  if (is_hdf5(path))
    if (Hdf5Source const source(path); source.sealed())
      return std::to_string(source.file().read_int_attribute("/contents", "checksum"));
  std::ifstream in(path, std::ios::binary);
  std::uint64_t sum = 14695981039346656037u; // FNV-1a over blocks, so that no file has to be in memory
  for (std::string block(std::size_t{1} << 20, '\0'); in.read(block.data(), 1 << 20), in.gcount() > 0;)
    sum = (sum ^ static_cast<std::uint64_t>(checksum(block.substr(0, static_cast<std::size_t>(in.gcount()))))) *
          1099511628211u;
  return std::to_string(sum);
}

std::vector<std::string> changed_settings(std::string const& checkpoint, std::string const& settings)
{
  bool of_deck = false;
  std::string theirs;
  {
    Hdf5Source const source(checkpoint);
    if (source.exists("/settings"))
      theirs = read_text_verified(source.file(), "/settings");
    of_deck = theirs.empty();
    if (of_deck && source.exists("/deck"))
      theirs = settings_of(Deck::parse(read_text_verified(source.file(), "/deck"), checkpoint + " (its deck)"));
  }
  auto const before = parsed(theirs), now = parsed(settings);
  std::set<std::string> keys;
  for (auto const* lines : {&before, &now})
    for (auto const& line : *lines)
      keys.insert(line.first);
  std::vector<std::string> changes;
  auto const value = [](Lines const& lines, std::string const& key) {
    auto const found = lines.find(key);
    return found == lines.end() ? std::string("absent") : found->second;
  };
  for (auto const& key : keys) {
    if (is_derived(key) && (before.count(key) == 0 || now.count(key) == 0))
      continue; // a file that has another name now is named by its key
    if (auto const a = value(now, key), b = value(before, key); !same_value(a, b) && a != updated && b != updated)
      changes.push_back(is_derived(key) && key.back() == ')' ? fmt::format("{} has changed", key)
                                                             : fmt::format("{}: {}, was {}", key, a, b));
  }
  return changes;
}

} // namespace rossby
