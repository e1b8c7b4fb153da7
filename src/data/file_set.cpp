#include "file_set.hpp"

#include "data/survey.hpp"
#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <regex>

namespace rossby {

std::string regex_at(std::string const& pattern, std::size_t& i)
{
  char const c = pattern[i];
  if (c == '*')
    return "[^/]*";
  if (c == '?')
    return "[^/]";
  if (c == '[') {
    auto const end = pattern.find(']', i);
    std::string const set = pattern.substr(i, end == std::string::npos ? end : end - i + 1);
    i += set.size() - 1;
    return set.size() > 1 && set[1] == '!' ? "[^" + set.substr(2) : set;
  }
  bool const special = std::string("\\^$.|+(){}").find(c) != std::string::npos;
  return (special ? "\\" : "") + std::string(1, c);
}

namespace {

struct Code {
  char letter;
  char const* pattern;
  int rank; ///< larger is finer
};
constexpr Code codes[] = {{'Y', "(\\d{4})", 1}, {'y', "(\\d{2})", 1}, {'m', "(\\d{2})", 2},
                          {'d', "(\\d{2})", 3}, {'j', "(\\d{3})", 3}, {'H', "(\\d{2})", 4},
                          {'M', "(\\d{2})", 5}, {'S', "(\\d{2})", 6}, {'f', "(\\d{1,6})", 7}};

/// The template as a glob for the file system and as a regular expression that captures the codes.
struct Template {
  std::string glob, regex, letters;
  int finest = 0;
};

Template compile(std::string const& text, std::string const& deck_key)
{
  Template t;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (c == '%' && i + 1 < text.size()) {
      char const letter = text[++i];
      auto const code =
          std::find_if(std::begin(codes), std::end(codes), [&](Code const& k) { return k.letter == letter; });
      if (code == std::end(codes))
        fail(deck_key, fmt::format("unknown time code %{} in '{}'", letter, text), "use %Y %m %d %H %M %S %j %y %f");
      t.glob += '*';
      t.regex += code->pattern;
      t.letters += letter;
      t.finest = std::max(t.finest, code->rank);
    } else {
      std::size_t const first = i;
      t.regex += regex_at(text, i);
      t.glob += text.substr(first, i - first + 1);
    }
  }
  return t;
}

/// Sets of characters ([a-c]) are the one thing that a user can write wrongly.
std::regex regex_of(Template const& t, std::string const& text, std::string const& deck_key)
{
  try {
    return std::regex(t.regex);
  } catch (std::regex_error const&) {
    fail(deck_key, fmt::format("the set of characters in '{}' can't be read", text),
         "write it as [abc] or [a-c]; a bracket that belongs to a name is [[]");
  }
}

Time end_of_period(Date const& d, int finest, Calendar calendar)
{
  auto const at = [&](Date const& date) { return time_of(date, calendar); };
  switch (finest) {
  case 1:
    return at({d.year + 1, 1, 1});
  case 2:
    return d.month == 12 ? at({d.year + 1, 1, 1}) : at({d.year, d.month + 1, 1});
  case 3:
    return at({d.year, d.month, d.day}) + 86400;
  case 4:
    return at({d.year, d.month, d.day, d.hour}) + 3600;
  case 5:
    return at({d.year, d.month, d.day, d.hour, d.minute}) + 60;
  default:
    return at(d) + 1;
  }
}

} // namespace

FileSet::FileSet(std::string const& path_template, std::string deck_key, Calendar calendar)
    : template_(path_template), deck_key_(std::move(deck_key)), calendar_(calendar)
{
  Template const t = compile(template_, deck_key_);
  std::regex const expression = regex_of(t, template_, deck_key_);
  for (auto const& path : paths_matching(t.glob)) {
    std::smatch match;
    if (!std::regex_match(path, match, expression))
      continue;
    Date d;
    int day_of_the_year = 0;
    for (std::size_t i = 0; i < t.letters.size(); ++i) {
      int const value = std::stoi(match[i + 1].str());
      switch (t.letters[i]) {
      case 'Y':
        d.year = value;
        break;
      case 'y':
        d.year = value + (value < 69 ? 2000 : 1900);
        break; // as POSIX strptime
      case 'm':
        d.month = value;
        break;
      case 'd':
        d.day = value;
        break;
      case 'j':
        day_of_the_year = value;
        break;
      case 'H':
        d.hour = value;
        break;
      case 'M':
        d.minute = value;
        break;
      case 'S':
        d.second = value;
        break;
      default:
        break; // fractions of a second don't tell files apart
      }
    }
    if (day_of_the_year > 0) {
      Date const whole =
          date_of(time_of({d.year, 1, 1}, calendar_) + (day_of_the_year - 1) * Duration{86400}, calendar_);
      d.month = whole.month, d.day = whole.day;
    }
    if (t.finest > 0 && !has_day(d, calendar_)) // digits that are no date
      continue;
    if (t.finest == 0)
      files_.push_back({std::numeric_limits<Time>::min(), std::numeric_limits<Time>::max(), path});
    else
      files_.push_back({time_of(d, calendar_), end_of_period(d, t.finest, calendar_), path});
  }
  if (files_.empty())
    fail(deck_key_, fmt::format("no file matches '{}'", template_),
         "check the path (it is relative to the current folder)");
  std::sort(files_.begin(), files_.end(), [](File const& a, File const& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < files_.size(); ++i)
    if (files_[i].begin == files_[i - 1].begin)
      fail(deck_key_,
           fmt::format("'{}' matches several files for one period: {} and {}", template_, files_[i - 1].path,
                       files_[i].path),
           "name the period with time codes such as %Y or %m, or narrow the pattern");
}

bool FileSet::covers(Time t) const
{
  return std::any_of(files_.begin(), files_.end(), [t](File const& f) { return f.begin <= t && t < f.end; });
}

std::vector<std::string> FileSet::files_for(Time t) const
{
  auto const after =
      std::upper_bound(files_.begin(), files_.end(), t, [](Time a, File const& f) { return a < f.begin; });
  auto const at = after == files_.begin() ? after : std::prev(after); // a single file has all times
  std::vector<std::string> paths{at->path};
  if (at != files_.begin() && t < at->end)
    paths.push_back(std::prev(at)->path);
  return paths;
}

std::string FileSet::describe() const
{
  if (files_.front().begin == std::numeric_limits<Time>::min())
    return fmt::format("'{}'", template_);
  return fmt::format("'{}' matches {} file{} from {} to {}", template_, files_.size(), files_.size() == 1 ? "" : "s",
                     format_time(files_.front().begin, calendar_), format_time(files_.back().end - 1, calendar_));
}

std::vector<std::string> FileSet::at_or_before(Time t) const
{
  std::vector<std::string> paths;
  for (auto f = files_.rbegin(); f != files_.rend(); ++f)
    if (f->begin <= t || files_.size() == 1)
      paths.push_back(f->path);
  return paths;
}

} // namespace rossby
