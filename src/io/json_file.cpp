#include "json_file.hpp"

#include <fmt/format.h>

#include <string_view>

namespace rossby::io {

namespace {
/// Puts quotes around bare NaN and infinities, and finds out how deep brackets are nested.
std::string quote_non_finite(std::string const& text, int& depth)
{
  std::string result;
  result.reserve(text.size() + 64);
  std::string_view const all = text;
  int open = 0;
  depth = 0;
  for (std::size_t i = 0; i < all.size();) {
    char const c = all[i];
    if (c == '"') { // a string, as it is
      std::size_t end = i + 1;
      while (end < all.size() && all[end] != '"')
        end += all[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, all.size());
      result += all.substr(i, end - i);
      i = end;
      continue;
    }
    bool quoted = false;
    for (std::string_view const word : {"NaN", "Infinity", "-Infinity"})
      if (!quoted && all.compare(i, word.size(), word) == 0) {
        result.append("\"").append(word).append("\"");
        i += word.size();
        quoted = true;
      }
    if (quoted)
      continue;
    open += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    depth = std::max(depth, open);
    result += c;
    ++i;
  }
  return result;
}
} // namespace

nlohmann::json read_json(InputFile const& file, std::uint64_t most)
{
  if (file.size() > most)
    file.refuse(fmt::format("is {} bytes long; more than {} are not read as JSON", file.size(), most));
  int depth = 0;
  std::string const text = quote_non_finite(file.read(0, static_cast<std::size_t>(file.size())), depth);
  if (depth > 64)
    file.refuse("is nested more than 64 deep");
  try {
    return nlohmann::json::parse(text);
  } catch (nlohmann::json::exception const& e) {
    file.damaged(fmt::format("it is not JSON ({})", e.what()));
  }
}

} // namespace rossby::io
