#include <rossby/data/time.hpp>

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

namespace rossby {

namespace {

constexpr Duration minute = 60, hour = 3600, day = 86400;

/// Reads numbers and separators from the front of a text.
class Scanner {
public:
  explicit Scanner(std::string const& text) : at_(text.data()), end_(text.data() + text.size()) {}

  std::optional<double> number()
  {
    double value = 0;
    auto const [next, error] = std::from_chars(at_, end_, value, std::chars_format::fixed);
    if (error != std::errc())
      return std::nullopt;
    at_ = next;
    return value;
  }
  std::optional<int> digits()
  {
    int value = 0;
    if (at_ == end_ || !std::isdigit(static_cast<unsigned char>(*at_)))
      return std::nullopt;
    auto const [next, error] = std::from_chars(at_, end_, value);
    if (error != std::errc())
      return std::nullopt;
    at_ = next;
    return value;
  }
  std::string letters()
  {
    char const* const begin = at_;
    while (at_ != end_ && std::isalpha(static_cast<unsigned char>(*at_)))
      ++at_;
    return std::string(begin, at_);
  }
  bool skip(char c)
  {
    if (at_ == end_ || *at_ != c)
      return false;
    ++at_;
    return true;
  }
  void skip_blanks()
  {
    while (skip(' ') || skip('\t'))
      ;
  }
  bool done() const { return at_ == end_; }

private:
  char const *at_, *end_;
};

/// Years that a time may lie in: far more than models compute, and far less than what overflows.
constexpr int last_year = 99999;

/// Nothing when the text is no date of the calendar.
std::optional<Date> scan_date(std::string const& text, Calendar calendar)
{
  Scanner s(text);
  s.skip_blanks();
  Date d;
  auto const year = s.digits();
  if (!year || !s.skip('-'))
    return std::nullopt;
  auto const month = s.digits();
  if (!month || !s.skip('-'))
    return std::nullopt;
  auto const day_of_month = s.digits();
  if (!day_of_month)
    return std::nullopt;
  d.year = *year, d.month = *month, d.day = *day_of_month;
  s.skip_blanks();
  if (s.skip('T') || !s.done()) {
    if (auto const h = s.digits())
      d.hour = *h;
    if (s.skip(':')) {
      auto const m = s.digits();
      if (!m)
        return std::nullopt;
      d.minute = *m;
      if (s.skip(':')) {
        auto const sec = s.number();
        if (!sec || !(*sec >= 0 && *sec <= 60))
          return std::nullopt;
        d.second = static_cast<int>(std::lround(*sec));
      }
    }
  }
  s.skip_blanks();
  std::string const zone = s.letters();
  if (!zone.empty() && zone != "Z" && zone != "UTC" && zone != "GMT")
    return std::nullopt;
  if (s.skip('+') && !(s.digits() == 0 && (s.done() || (s.skip(':') && s.digits() == 0))))
    return std::nullopt;
  if (!s.done() || d.year > last_year || !has_day(d, calendar) || d.hour > 24 || d.minute > 59 || d.second > 60)
    return std::nullopt;
  return d;
}

/// Seconds in a unit of duration; 0 when unknown.
Duration seconds_in(std::string const& unit)
{
  struct Unit {
    char const* name;
    Duration seconds;
  };
  static constexpr std::array<Unit, 28> units{
      {{"s", 1},          {"S", 1},           {"sec", 1},         {"secs", 1},         {"second", 1},  {"seconds", 1},
       {"min", minute},   {"mins", minute},   {"minute", minute}, {"minutes", minute}, {"T", minute},  {"m", minute},
       {"h", hour},       {"H", hour},        {"hr", hour},       {"hrs", hour},       {"hour", hour}, {"hours", hour},
       {"d", day},        {"D", day},         {"day", day},       {"days", day},       {"w", 7 * day}, {"W", 7 * day},
       {"week", 7 * day}, {"weeks", 7 * day}, {"Hour", hour},     {"Day", day}}};
  for (auto const& u : units)
    if (unit == u.name)
      return u.seconds;
  return 0;
}

} // namespace

Time parse_time(std::string const& text, std::string const& where, Calendar calendar)
{
  auto const date = scan_date(text, calendar);
  if (!date) {
    bool const elsewhere = scan_date(text, Calendar::all_leap) || scan_date(text, Calendar::days_360);
    fail(where,
         fmt::format("'{}' is not a date{}", text,
                     elsewhere ? fmt::format(" of the calendar {}", name_of(calendar)) : std::string()),
         "write it as 1990-01-31 06:00:00");
  }
  return time_of(*date, calendar);
}

Duration parse_duration(std::string const& text, std::string const& where)
{
  std::string const fix = "write it like 6h, 730.5h, 1h30min, 10d (units w, d, h, min, s)";
  Scanner s(text);
  double total = 0;
  s.skip_blanks();
  if (s.done())
    fail(where, "is empty; a duration is expected", fix);
  while (!s.done()) {
    double const count = s.number().value_or(1);
    s.skip_blanks();
    std::string const unit = s.letters();
    Duration const seconds = seconds_in(unit);
    if (seconds == 0)
      fail(where,
           fmt::format("'{}' is not a duration{}", text,
                       unit == "M" || unit == "MS" || unit == "Y" ? " of fixed length" : ""),
           fix);
    total += count * static_cast<double>(seconds);
    s.skip_blanks();
  }
  constexpr double longest = 1000 * 366.0 * day;
  double const whole = std::round(total);
  if (whole > longest)
    fail(where, fmt::format("'{}' is longer than a thousand years", text), fix);
  if (!(whole > 0) || std::fabs(total - whole) > 1e-6)
    fail(where, fmt::format("'{}' is not a positive number of whole seconds", text), fix);
  return static_cast<Duration>(whole);
}

std::string format_time(Time t, Calendar calendar)
{
  Date const d = date_of(t, calendar);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", d.year, d.month, d.day, d.hour, d.minute, d.second);
}

std::string format_time(Time t, std::string const& pattern, Calendar calendar)
{
  Date const d = date_of(t, calendar);
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
    case 'Y':
      out += fmt::format("{:04}", d.year);
      break;
    case 'y':
      out += fmt::format("{:02}", d.year % 100);
      break;
    case 'm':
      out += fmt::format("{:02}", d.month);
      break;
    case 'd':
      out += fmt::format("{:02}", d.day);
      break;
    case 'H':
      out += fmt::format("{:02}", d.hour);
      break;
    case 'M':
      out += fmt::format("{:02}", d.minute);
      break;
    case 'S':
      out += fmt::format("{:02}", d.second);
      break;
    case 'j':
      out += fmt::format("{:03}", day_of_year(d, calendar));
      break;
    case 'f':
      out += "000000";
      break;
    case '%':
      out += '%';
      break;
    default:
      fail(pattern, fmt::format("unknown time code %{}", pattern[i]), "use %Y %m %d %H %M %S %j %y %f");
    }
  }
  return out;
}

std::string format_duration(Duration seconds)
{
  std::string out;
  // Days only where nothing else remains: "30h" is easier to compare with "6h" than "1d6h".
  if (seconds % day == 0 && seconds != 0)
    return fmt::format("{}d", seconds / day);
  if (seconds / hour != 0)
    out += fmt::format("{}h", seconds / hour);
  if (seconds % hour / minute != 0)
    out += fmt::format("{}min", seconds % hour / minute);
  if (seconds % minute != 0 || seconds == 0)
    out += fmt::format("{}s", seconds % minute);
  return out;
}

TimeUnits::TimeUnits(std::string const& units, Calendar calendar, std::string const& where) : where_(where)
{
  auto const since = units.find(" since ");
  std::string const unit = units.substr(0, since == std::string::npos ? 0 : since);
  Duration const seconds = seconds_in(unit);
  if (unit == "milliseconds" || unit == "msec")
    seconds_ = 1e-3;
  else if (unit == "microseconds")
    seconds_ = 1e-6;
  else if (unit == "nanoseconds")
    seconds_ = 1e-9;
  else if ((unit == "months" || unit == "month") && calendar == Calendar::days_360)
    seconds_ = 30 * day;
  else if (seconds > 0)
    seconds_ = static_cast<double>(seconds);
  else
    fail(where, fmt::format("time units '{}' are not understood", units),
         "use seconds, minutes, hours or days since a date, as CF asks for");
  auto const origin = scan_date(units.substr(since + 7), calendar);
  if (!origin)
    fail(where, fmt::format("time units '{}' name no date of the calendar {}", units, name_of(calendar)),
         "use the form 'hours since 1900-01-01 00:00:00'");
  origin_ = time_of(*origin, calendar);
}

Time TimeUnits::decode(double value) const
{
  constexpr double farthest = (last_year + 1.0) * 366 * day;
  double const seconds = value * seconds_;
  if (!(std::fabs(seconds) < farthest))
    fail(where_, fmt::format("the time stamp {:g} lies beyond the years 0 to {}", value, last_year), "repair the file");
  return origin_ + static_cast<Time>(std::llround(seconds));
}

} // namespace rossby
