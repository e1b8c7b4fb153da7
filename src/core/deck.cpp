// Decks as text: YAML in, overrides, YAML out. The only file that knows the YAML library.
#include "deck_data.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace rossby {

namespace {
constexpr int deepest = 64;                  // levels; an alias that contains itself would have infinitely many
constexpr std::size_t most_places = 1 << 20; // aliases of aliases multiply
constexpr std::size_t most_bytes = 4 << 20;

/// Turns YAML's tree into one that remembers what was read. `Data` is a parameter because the type is private.
template <class Data> class Converter {
public:
  explicit Converter(std::string name, bool from_file) : name_(std::move(name)), from_file_(from_file) {}

  std::shared_ptr<Data> convert(YAML::Node const& node, std::string const& path, int depth = 0) const
  {
    if (depth > deepest)
      fail(name_, fmt::format("'{}' is nested more than {} levels deep", path, deepest),
           "does an alias contain itself?");
    if (++places_ > most_places)
      fail(name_, fmt::format("has more than {} keys and items once its aliases are written out", most_places),
           "don't nest aliases in aliases");
    auto data = std::make_shared<Data>();
    data->origin = origin(node.Mark());
    if (node.IsScalar()) {
      data->kind = Data::Kind::scalar;
      data->scalar = node.Scalar();
      data->quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      data->kind = Data::Kind::list;
      for (auto const& item : node)
        data->items.push_back(convert(item, fmt::format("{}[{}]", path, data->items.size()), depth + 1));
    } else if (node.IsMap()) {
      data->kind = Data::Kind::map;
      convert_map(node, *data, path, depth);
    } else {
      data->kind = Data::Kind::null;
    }
    return data;
  }

private:
  std::string origin(YAML::Mark const& mark) const
  {
    return from_file_ && mark.line >= 0 ? fmt::format("{} line {}", name_, mark.line + 1) : name_;
  }

  void convert_map(YAML::Node const& node, Data& data, std::string const& path, int depth) const
  {
    std::vector<std::shared_ptr<Data>> merged;
    for (auto const& entry : node) {
      if (!entry.first.IsScalar())
        fail(path.empty() ? name_ : path, fmt::format("a key must be a word ({})", origin(entry.first.Mark())));
      auto const& key = entry.first.Scalar();
      std::string const child_path = path.empty() ? key : path + "." + key;
      auto child = convert(entry.second, child_path, depth + 1);
      if (key == "<<") { // YAML merge: entries given here win over merged ones
        if (child->kind == Data::Kind::list)
          merged.insert(merged.end(), child->items.begin(), child->items.end());
        else
          merged.push_back(child);
        continue;
      }
      if (auto const* first = data.find(key))
        fail(child_path, fmt::format("is given twice: at {} and at {}", first->origin, origin(entry.first.Mark())),
             "keep one of them");
      data.entries.emplace_back(key, std::move(child));
    }
    for (auto const& from : merged)
      for (auto const& [key, child] : from->entries)
        if (!data.find(key))
          data.entries.emplace_back(key, child->clone()); // an anchor and its merges are read independently
  }

  std::string name_;
  bool from_file_;
  mutable std::size_t places_ = 0;
};

YAML::Node parse_yaml(std::string const& text, std::string const& name, std::string const& fix)
{
  try {
    return YAML::Load(text);
  } catch (YAML::Exception const& e) {
    std::string const place =
        e.mark.line >= 0 ? fmt::format(" at line {}, column {}", e.mark.line + 1, e.mark.column + 1) : "";
    fail(name, fmt::format("is not valid YAML{}: {}", place, e.msg), fix);
  }
}

/// Components of "a.b[2].c": names, and list positions as decimal numbers.
std::vector<std::string> split_path(std::string const& path)
{
  std::vector<std::string> parts(1);
  for (char const c : path) {
    if (c == '.' || c == '[')
      parts.emplace_back();
    else if (c != ']')
      parts.back() += c;
  }
  return parts;
}

template <class Data> void apply_override(Data& root, std::string const& setting)
{
  std::string const fix = "write --set key.of.the.deck=value";
  auto const equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    fail("--set " + setting, "is not of the form key=value", fix);
  std::string const path = setting.substr(0, equals);
  auto value =
      Converter<Data>("--set", false).convert(parse_yaml(setting.substr(equals + 1), "--set " + setting, fix), path);

  Data* place = &root;
  auto const parts = split_path(path);
  std::string walked;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    bool const last = i + 1 == parts.size();
    if (parts[i].empty())
      fail("--set " + setting, "has an empty part in its key", fix);
    if (place->kind == Data::Kind::null || place->kind == Data::Kind::missing)
      place->kind = Data::Kind::map;
    std::shared_ptr<Data>* slot = nullptr;
    if (place->kind == Data::Kind::list) {
      bool const number = parts[i].find_first_not_of("0123456789") == std::string::npos && parts[i].size() < 9;
      std::size_t const at = number ? std::stoul(parts[i]) : place->items.size();
      if (at >= place->items.size())
        fail("--set " + setting,
             fmt::format("'{}' is a list of {} items (0 to {}); '{}' is not one of them", walked, place->items.size(),
                         static_cast<long>(place->items.size()) - 1, parts[i]));
      slot = &place->items[at];
    } else if (place->kind == Data::Kind::map) {
      for (auto& [key, child] : place->entries)
        if (key == parts[i])
          slot = &child;
      if (!slot) {
        place->entries.emplace_back(parts[i], std::make_shared<Data>());
        slot = &place->entries.back().second;
        (*slot)->origin = "--set";
      }
    } else {
      fail("--set " + setting, fmt::format("'{}' is a single value in the deck ({}), so nothing can be set below it",
                                           walked, place->origin));
    }
    walked += (i ? "." : "") + parts[i];
    if (last)
      *slot = value;
    place = slot->get();
  }
}

template <class Data> void emit(YAML::Emitter& out, Data const& data)
{
  switch (data.kind) {
  case Data::Kind::missing:
  case Data::Kind::null:
    out << YAML::Null;
    return;
  case Data::Kind::scalar:
    if (data.quoted)
      out << YAML::DoubleQuoted;
    out << data.scalar;
    return;
  case Data::Kind::list:
    out << YAML::Flow << YAML::BeginSeq;
    for (auto const& item : data.items)
      emit(out, *item);
    out << YAML::EndSeq;
    return;
  case Data::Kind::map:
    out << YAML::BeginMap;
    for (auto const& [key, child] : data.entries) {
      out << YAML::Key << key << YAML::Value;
      emit(out, *child);
    }
    out << YAML::EndMap;
    return;
  }
}

/// A value, or a key, on one line.
template <class Data> std::string on_one_line(Data const& data)
{
  YAML::Emitter out;
  out.SetMapFormat(YAML::Flow);
  emit(out, data);
  return out.c_str();
}

/// Blocks below each other, lists of lists an item a line, and each line of a place's comment ahead of its key.
template <class Data> std::string with_comments(Data const& map, std::string const& indent)
{
  std::string text;
  for (auto const& [key, child] : map.entries) {
    if (indent.empty() && !text.empty())
      text += '\n';
    std::istringstream lines(child->comment);
    for (std::string line; std::getline(lines, line);)
      text += indent + "# " + line + '\n';
    Data word;
    word.kind = Data::Kind::scalar;
    word.scalar = key;
    text += indent + on_one_line(word) + ':';
    bool const block = child->kind == Data::Kind::map && !child->entries.empty();
    bool const rows =
        child->kind == Data::Kind::list && !child->items.empty() && child->items[0]->kind == Data::Kind::list;
    if (block)
      text += '\n' + with_comments(*child, indent + "  ");
    else if (!rows)
      text += ' ' + on_one_line(*child) + '\n';
    else
      text += '\n';
    for (std::size_t i = 0; rows && i < child->items.size(); ++i)
      text += indent + "  - " + on_one_line(*child->items[i]) + '\n';
  }
  return text;
}
} // namespace

std::string DeckNode::Data::dump() const
{
  YAML::Emitter out;
  out.SetMapFormat(YAML::Block);
  emit(out, *this);
  return std::string(out.c_str()) + "\n";
}

std::string DeckNode::Data::commented() const { return with_comments(*this, ""); }

Deck Deck::parse(std::string const& text, std::string const& name, std::vector<std::string> const& overrides)
{
  Deck deck;
  deck.name_ = name;
  auto root = Converter<DeckNode::Data>(name, true).convert(parse_yaml(text, name, {}), "");
  if (root->kind != DeckNode::Data::Kind::map)
    fail(name, root->kind == DeckNode::Data::Kind::null ? "is empty" : "is not a map of keys at its top level",
         "a deck has the blocks save_loc, data, model, trainer, loss");
  for (auto const& setting : overrides)
    apply_override(*root, setting);
  root->note_unset_variables();
  deck.root_.data_ = std::move(root);
  return deck;
}

Deck Deck::load(std::string const& file, std::vector<std::string> const& overrides)
{
  if (std::filesystem::is_directory(file))
    fail(file, "can't be read: it is a directory");
  std::ifstream in(file);
  if (!in)
    fail(file, fmt::format("can't be opened: {}", std::strerror(errno)));
  std::string text(most_bytes + 1, '\0'); // devices may have no end
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    fail(file, "can't be read to its end");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most_bytes)
    fail(file, fmt::format("is longer than {} bytes", most_bytes), "name a deck");
  return parse(text, file, overrides);
}

std::string Deck::text() const { return root_.data_->dump(); }

void Deck::check_all_read(Problems& problems) const
{
  report_translation(problems);
  root_.data_->check_all_read("", problems);
}

void Deck::report_translation(Problems& problems) const { problems.add(said_); }

} // namespace rossby
