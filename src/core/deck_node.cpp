// Reading a deck: types, what was read, and what somebody looked for.
#include "deck_data.hpp"

#include "core/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <type_traits>

namespace rossby {

namespace {
/// Replaces $NAME and ${NAME}; "$$" stands for one dollar sign. Variables that are not set stay and are told to
/// `unset`.
template <class F> std::string expand(std::string const& text, F&& unset)
{
  auto const starts_name = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  auto const in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    bool const braced = text[i + 1] == '{';
    std::size_t const begin = i + 1 + (braced ? 1 : 0);
    std::size_t end = begin;
    while (end < text.size() && in_name(text[end]))
      ++end;
    bool const closed = !braced || (end < text.size() && text[end] == '}');
    if (end == begin || !starts_name(text[begin]) || !closed) {
      out += text[i];
      continue;
    }
    std::string const name = text.substr(begin, end - begin);
    std::size_t const last = braced ? end : end - 1;
    if (char const* value = std::getenv(name.c_str())) {
      out += value;
    } else {
      unset(name);
      out += text.substr(i, last - i + 1);
    }
    i = last;
  }
  return out;
}

std::optional<double> parse_double(std::string const& text)
{
  std::string s = text;
  if (!s.empty() && s.front() == '+')
    s.erase(0, 1);
  for (char const* word : {".inf", "-.inf", ".nan", ".Inf", "-.Inf", ".NaN"}) // YAML's spellings
    if (s == word)
      s.erase(s.find('.'), 1);
  double value = 0;
  auto const [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size())
    return std::nullopt;
  return value;
}

/// Whole numbers, also in the form 1e6.
std::optional<std::int64_t> parse_integer(std::string const& text)
{
  std::string const s = !text.empty() && text.front() == '+' ? text.substr(1) : text;
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error == std::errc() && end == s.data() + s.size())
    return value;
  auto const real = parse_double(s);
  if (real && std::floor(*real) == *real && std::fabs(*real) < 9e15)
    return static_cast<std::int64_t>(*real);
  return std::nullopt;
}

template <class T> struct Reader;

template <> struct Reader<std::string> {
  static constexpr char const* expected = "text";
  static std::optional<std::string> read(DeckNode const&, std::string const& text, bool)
  {
    return expand(text, [](std::string const&) {});
  }
};
template <> struct Reader<double> {
  static constexpr char const* expected = "a number";
  static std::optional<double> read(DeckNode const&, std::string const& text, bool quoted)
  {
    return quoted ? std::nullopt : parse_double(text);
  }
};
template <> struct Reader<std::int64_t> {
  static constexpr char const* expected = "a whole number";
  static std::optional<std::int64_t> read(DeckNode const&, std::string const& text, bool quoted)
  {
    return quoted ? std::nullopt : parse_integer(text);
  }
};
template <> struct Reader<int> {
  static constexpr char const* expected = "a whole number";
  static std::optional<int> read(DeckNode const& node, std::string const& text, bool quoted)
  {
    auto const wide = Reader<std::int64_t>::read(node, text, quoted);
    if (wide && (*wide > std::numeric_limits<int>::max() || *wide < std::numeric_limits<int>::min()))
      node.reject(fmt::format("{} is too large", text));
    return wide ? std::optional<int>(static_cast<int>(*wide)) : std::nullopt;
  }
};
template <> struct Reader<bool> {
  static constexpr char const* expected = "true or false";
  static std::optional<bool> read(DeckNode const&, std::string text, bool quoted)
  {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!quoted && (text == "true" || text == "yes" || text == "on"))
      return true;
    if (!quoted && (text == "false" || text == "no" || text == "off"))
      return false;
    return std::nullopt;
  }
};

/// How a value looks in a message: short, on one line.
std::string abbreviated(std::string text)
{
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}
} // namespace

std::string DeckNode::Data::describe() const
{
  switch (kind) {
  case Kind::missing:
    return "is missing";
  case Kind::null:
    return "is empty";
  case Kind::scalar:
    return fmt::format("is '{}'", abbreviated(scalar));
  case Kind::list:
    return fmt::format("is a list of {} items", items.size());
  case Kind::map:
    return "is a block of keys";
  }
  return {};
}

void DeckNode::Data::mark_all_read()
{
  read = true;
  for (auto& [key, child] : entries)
    child->mark_all_read();
  for (auto& item : items)
    item->mark_all_read();
}

void DeckNode::Data::check_all_read(std::string const& path, Problems& problems) const
{
  auto const visit = [&](Data const& child, std::string const& child_path, std::string const& key) {
    if (child.read) {
      child.check_all_read(child_path, problems);
      return;
    }
    if (child.origin.empty())
      return; // a translation made it: nobody wrote it
    std::vector<std::string> free;
    for (auto const& candidate : asked)
      if (std::none_of(entries.begin(), entries.end(), [&](auto const& e) { return e.first == candidate; }))
        free.push_back(candidate);
    auto const guess = nearest(key, free);
    problems.error(child_path, fmt::format("unknown key ({})", child.origin),
                   guess.empty() ? "remove it, or check its spelling and its place" : "did you mean '" + guess + "'?");
  };
  for (auto const& [key, child] : entries)
    visit(*child, child->path_below(path, key), key);
  for (std::size_t i = 0; i < items.size(); ++i)
    visit(*items[i], fmt::format("{}[{}]", path, i), {});
}

std::shared_ptr<DeckNode::Data> DeckNode::Data::clone() const
{
  auto copy = std::make_shared<Data>(*this);
  copy->read = false;
  copy->asked.clear();
  for (auto& [key, child] : copy->entries)
    child = child->clone();
  for (auto& item : copy->items)
    item = item->clone();
  return copy;
}

namespace {
/// Calls `visit` with the scalars of a tree and their keys.
template <class Data, class F> void for_each_scalar(Data& data, std::string const& path, F&& visit)
{
  if (data.kind == Data::Kind::scalar)
    visit(data, path);
  for (auto& [key, child] : data.entries)
    for_each_scalar(*child, path.empty() ? key : path + "." + key, visit);
  for (std::size_t i = 0; i < data.items.size(); ++i)
    for_each_scalar(*data.items[i], fmt::format("{}[{}]", path, i), visit);
}
} // namespace

void DeckNode::Data::note_unset_variables()
{
  std::map<std::string, std::vector<std::string>> users;
  for_each_scalar(*this, "", [&](Data& data, std::string const& path) {
    expand(data.scalar, [&](std::string const& name) { users[name].push_back(path); });
  });
  auto texts = std::make_shared<std::map<std::string, std::string>>();
  for (auto const& [name, paths] : users)
    (*texts)[name] = paths.size() == 1 ? paths[0]
                                       : fmt::format("{} and {} other key{}", paths[0], paths.size() - 1,
                                                     paths.size() == 2 ? "" : "s");
  for_each_scalar(*this, "", [&](Data& data, std::string const&) { data.unset = texts; });
}

bool DeckNode::exists() const { return data_ && data_->kind != Data::Kind::missing && data_->kind != Data::Kind::null; }
bool DeckNode::is_map() const { return data_ && data_->kind == Data::Kind::map; }
bool DeckNode::is_list() const { return data_ && data_->kind == Data::Kind::list; }
bool DeckNode::is_scalar() const { return data_ && data_->kind == Data::Kind::scalar; }

void DeckNode::reject(std::string const& what, std::string const& fix) const
{
  std::string const origin = exists() && !data_->origin.empty() ? fmt::format(" ({})", data_->origin) : "";
  fail(path_, what + origin, fix);
}

void DeckNode::throw_fault() const
{
  if (!data_ || !data_->fault)
    return;
  data_->mark_all_read();
  throw *data_->fault;
}

void DeckNode::throw_unset() const
{
  // The same words from wherever it is read: the fault is one, however many keys have it.
  expand(data_->scalar, [&](std::string const& name) {
    fail("$" + name,
         fmt::format("this environment variable is not set, and is used in {}",
                     data_->unset ? data_->unset->at(name) : path_),
         fmt::format("export {}=..., or write the value into the deck ('$$' stands for a plain '$')", name));
  });
}

DeckNode DeckNode::operator[](std::string const& key) const
{
  DeckNode child;
  child.path_ = path_.empty() ? key : path_ + "." + key;
  if (!exists()) {
    child.data_ = std::make_shared<Data>();
    return child;
  }
  throw_fault();
  if (!is_map())
    reject(fmt::format("{}, but a block of keys is expected", data_->describe()));
  data_->read = true;
  if (std::find(data_->asked.begin(), data_->asked.end(), key) == data_->asked.end())
    data_->asked.push_back(key);
  for (auto const& [name, data] : data_->entries)
    if (name == key)
      child.data_ = data;
  if (!child.data_) {
    child.data_ = std::make_shared<Data>();
    return child;
  }
  child.path_ = child.data_->path_below(path_, key);
  if (child.data_->kind == Data::Kind::null)
    child.data_->read = true; // there is nothing more to read
  return child;
}

std::vector<std::pair<std::string, DeckNode>> DeckNode::entries() const
{
  std::vector<std::pair<std::string, DeckNode>> result;
  if (data_)
    data_->read = true;
  if (!exists())
    return result;
  throw_fault();
  if (!is_map())
    reject(fmt::format("{}, but a block of keys is expected", data_->describe()));
  for (auto const& [key, data] : data_->entries) {
    DeckNode child;
    child.path_ = data->path_below(path_, key);
    child.data_ = data;
    if (data->kind == Data::Kind::null)
      data->read = true;
    result.emplace_back(key, std::move(child));
  }
  return result;
}

std::vector<DeckNode> DeckNode::items() const
{
  std::vector<DeckNode> result;
  if (data_)
    data_->read = true;
  if (!exists())
    return result;
  throw_fault();
  if (!is_list())
    reject(fmt::format("{}, but a list is expected", data_->describe()));
  for (std::size_t i = 0; i < data_->items.size(); ++i) {
    DeckNode child;
    child.data_ = data_->items[i];
    child.path_ = fmt::format("{}[{}]", path_, i);
    result.push_back(std::move(child));
  }
  return result;
}

void DeckNode::mark_read() const
{
  if (data_)
    data_->mark_all_read();
}

std::string DeckNode::dump() const
{
  mark_read();
  return data_ ? data_->dump() : std::string();
}

namespace {
template <class T> struct IsList : std::false_type {
};
template <class T> struct IsList<std::vector<T>> : std::true_type {
};
} // namespace

template <class T> T DeckNode::as() const
{
  if (!exists())
    fail(path_, data_ && data_->kind == Data::Kind::null ? "has no value" : "is missing", "add it to the deck");
  throw_fault();
  if constexpr (IsList<T>::value) {
    T values;
    if constexpr (std::is_same_v<T, std::vector<std::string>>)
      if (is_scalar())
        return {as<std::string>()};
    for (auto const& item : items())
      values.push_back(item.as<typename T::value_type>());
    return values;
  } else {
    data_->read = true;
    if constexpr (std::is_same_v<T, std::string>)
      if (is_scalar())
        throw_unset();
    if (is_scalar())
      if (auto value = Reader<T>::read(*this, data_->scalar, data_->quoted))
        return *value;
    reject(fmt::format("{}, but {} is expected", data_->describe(), Reader<T>::expected),
           data_->quoted ? "remove the quotes" : "");
  }
}

template <class T> T DeckNode::get(std::string const& key, T fallback) const
{
  auto const child = (*this)[key];
  return child.exists() ? child.as<T>() : fallback;
}

template <class T> T DeckNode::require(std::string const& key) const { return (*this)[key].as<T>(); }

#define ROSSBY_DECK_TYPE(T)                                                                                            \
  template T DeckNode::as<T>() const;                                                                                  \
  template T DeckNode::get<T>(std::string const&, T) const;                                                            \
  template T DeckNode::require<T>(std::string const&) const;
ROSSBY_DECK_TYPE(bool)
ROSSBY_DECK_TYPE(int)
ROSSBY_DECK_TYPE(std::int64_t)
ROSSBY_DECK_TYPE(double)
ROSSBY_DECK_TYPE(std::string)
ROSSBY_DECK_TYPE(std::vector<int>)
ROSSBY_DECK_TYPE(std::vector<std::int64_t>)
ROSSBY_DECK_TYPE(std::vector<double>)
ROSSBY_DECK_TYPE(std::vector<std::string>)
#undef ROSSBY_DECK_TYPE

} // namespace rossby
