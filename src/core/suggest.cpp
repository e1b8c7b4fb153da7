#include "core/suggest.hpp"

#include <algorithm>

namespace rossby {

int edit_distance(std::string const& a, std::string const& b)
{
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::string nearest(std::string const& word, std::vector<std::string> const& candidates)
{
  std::string best;
  int best_distance = std::max(2, static_cast<int>(word.size()) / 3) + 1;
  for (auto const& c : candidates) {
    int const distance = edit_distance(word, c);
    if (distance < best_distance && distance < static_cast<int>(std::max(word.size(), c.size()))) {
      best = c;
      best_distance = distance;
    }
  }
  return best;
}

std::string join(std::vector<std::string> const& words, std::string const& separator)
{
  std::string text;
  for (auto const& w : words)
    text += (text.empty() ? "" : separator) + w;
  return text;
}

std::vector<std::string> split(std::string const& text, char separator)
{
  std::vector<std::string> parts(1);
  for (char const c : text)
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

} // namespace rossby
