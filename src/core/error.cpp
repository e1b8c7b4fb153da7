#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace rossby {

namespace {
std::string text_of(std::string const& where, std::string const& what, std::string const& fix)
{
  std::string text = where.empty() ? what : fmt::format("{}: {}", where, what);
  if (!fix.empty())
    text += fmt::format("\n  fix: {}", fix);
  return text;
}
} // namespace

Error::Error(std::string where, std::string what, std::string fix)
    : std::runtime_error(text_of(where, what, fix)), where_(std::move(where)), problem_(std::move(what)),
      fix_(std::move(fix))
{
}

namespace {
void add_new(std::vector<Error>& list, Error error)
{
  if (std::none_of(list.begin(), list.end(), [&](Error const& e) { return std::string(e.what()) == error.what(); }))
    list.push_back(std::move(error));
}
} // namespace

void Problems::error(std::string where, std::string what, std::string fix)
{
  add_new(errors_, Error(std::move(where), std::move(what), std::move(fix)));
}

void Problems::warning(std::string where, std::string what, std::string fix)
{
  add_new(warnings_, Error(std::move(where), std::move(what), std::move(fix)));
}

void Problems::add(Error const& error) { add_new(errors_, error); }

void Problems::add(Problems const& others)
{
  for (auto const& e : others.errors_)
    add_new(errors_, e);
  for (auto const& w : others.warnings_)
    add_new(warnings_, w);
}

void Problems::raise() const
{
  if (errors_.empty())
    return;
  if (errors_.size() == 1)
    throw errors_.front();
  std::vector<std::string> texts;
  for (auto const& e : errors_)
    texts.emplace_back(e.what());
  throw Error("", fmt::format("{} problems:\n- {}", texts.size(), fmt::join(texts, "\n- ")));
}

void fail(std::string where, std::string what, std::string fix)
{
  throw Error(std::move(where), std::move(what), std::move(fix));
}

namespace detail {
void contract_violated(char const* kind, char const* condition, char const* file, int line)
{
  throw std::logic_error(fmt::format("{} violated: {} ({}:{}). This is a bug in Rossby.", kind, condition, file, line));
}
} // namespace detail

} // namespace rossby
