#include "core/deck_editor.hpp"

#include "core/suggest.hpp"
#include "deck_data.hpp"

#include <algorithm>

namespace rossby {

namespace {
/// What a translation makes stands in no line of a file.
template <class Data> void forget_origins(Data& data)
{
  data.origin.clear();
  for (auto& [key, child] : data.entries)
    forget_origins(*child);
  for (auto& item : data.items)
    forget_origins(*item);
}

/// Text as a deck writes it: what is read from there is `text` again, whatever dollar signs it has.
std::string written(std::string const& text)
{
  std::string out;
  for (char const c : text)
    out.append(c == '$' ? 2 : 1, c);
  return out;
}
} // namespace

DeckEditor::DeckEditor(std::string name) : root_(std::make_shared<DeckNode::Data>()), name_(std::move(name))
{
  root_->kind = DeckNode::Data::Kind::map;
}

DeckEditor::DeckEditor(Deck const& deck) : root_(deck.root_.data_->clone()), name_(deck.name_) {}

DeckNode::Data* DeckEditor::find(std::string const& place) const
{
  auto* at = root_.get();
  for (auto const& part : split(place, '.'))
    if (!(at = at->find(part)))
      return nullptr;
  return at;
}

bool DeckEditor::has(std::string const& place) const
{
  auto const* const at = find(place);
  return at && at->kind != DeckNode::Data::Kind::null && at->kind != DeckNode::Data::Kind::missing;
}

std::shared_ptr<DeckNode::Data>& DeckEditor::slot(std::string const& place)
{
  auto* at = &root_;
  for (auto const& part : split(place, '.')) {
    auto& data = **at;
    if (data.kind != DeckNode::Data::Kind::map) {
      data.kind = DeckNode::Data::Kind::map;
      data.entries.clear();
    }
    auto entry = std::find_if(data.entries.begin(), data.entries.end(), [&](auto const& e) { return e.first == part; });
    if (entry == data.entries.end())
      entry = data.entries.insert(data.entries.end(), {part, std::make_shared<DeckNode::Data>()});
    at = &entry->second;
  }
  return *at;
}

void DeckEditor::put(std::string const& place, std::shared_ptr<DeckNode::Data> data, std::string const& written_as)
{
  data->written_as = written_as;
  slot(place) = std::move(data);
}

void DeckEditor::copy(DeckNode const& from, std::string const& place, std::string const& written_as)
{
  if (!from.data_)
    return;
  from.mark_read();
  put(place, from.data_->clone(), written_as.empty() ? from.path() : written_as);
}

void DeckEditor::merge(DeckNode const& from, std::string const& place)
{
  auto const* const there = find(place);
  if (!from.is_map() || !there || there->kind != DeckNode::Data::Kind::map)
    return copy(from, place);
  for (auto const& [key, node] : from.entries())
    merge(node, place + "." + key);
}

void DeckEditor::set(std::string const& place, std::string const& yaml, std::string const& written_as)
{
  auto const made = Deck::parse("value: " + yaml, name_);
  auto data = made.root_.data_->find("value")->clone();
  forget_origins(*data);
  put(place, std::move(data), written_as);
}

void DeckEditor::set_text(std::string const& place, std::string const& text, std::string const& written_as)
{
  auto data = std::make_shared<DeckNode::Data>();
  data->kind = DeckNode::Data::Kind::scalar;
  data->scalar = written(text);
  data->quoted = true;
  put(place, std::move(data), written_as);
}

void DeckEditor::set_texts(std::string const& place, std::vector<std::string> const& texts,
                           std::string const& written_as)
{
  auto data = std::make_shared<DeckNode::Data>();
  data->kind = DeckNode::Data::Kind::list;
  for (auto const& text : texts) {
    data->items.push_back(std::make_shared<DeckNode::Data>());
    data->items.back()->kind = DeckNode::Data::Kind::scalar;
    data->items.back()->scalar = written(text);
    data->items.back()->quoted = true;
  }
  put(place, std::move(data), written_as);
}

void DeckEditor::move(std::string const& from, std::string const& place)
{
  auto* const data = find(from);
  if (!data)
    return;
  auto const moved = data->clone();
  std::string const name = data->written_as.empty() ? from : data->written_as;
  erase(from);
  put(place, moved, name);
}

bool DeckEditor::erase(std::string const& place)
{
  auto const parts = split(place, '.');
  auto* at = root_.get();
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    if (!(at = at->find(parts[i])))
      return false;
  auto& entries = at->entries;
  auto const rest =
      std::remove_if(entries.begin(), entries.end(), [&](auto const& e) { return e.first == parts.back(); });
  bool const found = rest != entries.end();
  entries.erase(rest, entries.end());
  return found;
}

void DeckEditor::written_as(std::string const& place, std::string const& key) { slot(place)->written_as = key; }

void DeckEditor::fault(std::string const& place, Error const& why)
{
  auto& data = *slot(place);
  if (data.kind == DeckNode::Data::Kind::missing)
    data.kind = DeckNode::Data::Kind::scalar;
  data.fault = std::make_shared<Error const>(why);
}

void DeckEditor::comment(std::string const& place, std::string const& text)
{
  if (auto* const data = find(place))
    data->comment += (data->comment.empty() ? "" : "\n") + text;
}

Deck DeckEditor::deck(Problems const& said) const
{
  Deck deck;
  deck.name_ = name_;
  deck.root_.data_ = root_->clone();
  deck.said_ = said;
  return deck;
}

std::string DeckEditor::commented() const { return root_->commented(); }

} // namespace rossby
