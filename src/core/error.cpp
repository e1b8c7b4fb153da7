#include <rossby/core/error.hpp>

#include <fmt/format.h>

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

void Problems::error(std::string where, std::string what, std::string fix)
{
  errors_.emplace_back(std::move(where), std::move(what), std::move(fix));
}

void Problems::warning(std::string where, std::string what, std::string fix)
{
  warnings_.emplace_back(std::move(where), std::move(what), std::move(fix));
}

void Problems::raise() const
{
  if (errors_.empty())
    return;
  if (errors_.size() == 1)
    throw errors_.front();
  std::string list = fmt::format("{} problems:", errors_.size());
  for (auto const& e : errors_)
    list += fmt::format("\n- {}", e.what());
  throw Error("", list);
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
