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

/// Days since 1970-01-01. Years are counted from March, so that the leap day is a year's last.
std::int64_t days_of(std::int64_t year, int month, int day_of_month)
{
  std::int64_t const y = month > 2 ? year : year - 1;
  std::int64_t const era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
  std::int64_t const from_march = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day_of_month - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + from_march - 719468;
}

int days_in(int year, int month)
{
  bool const leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && leap ? 29 : days[static_cast<std::size_t>(month - 1)];
}

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

/// Nothing when the text is no date.
std::optional<Date> scan_date(std::string const& text)
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
        if (!sec)
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
  if (!s.done() || d.month < 1 || d.month > 12 || d.day < 1 || d.day > days_in(d.year, d.month) || d.hour > 24 ||
      d.minute > 59 || d.second > 60)
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

Time time_of(Date const& d)
{
  return days_of(d.year, d.month, d.day) * day + d.hour * hour + d.minute * minute + d.second;
}

Date date_of(Time t)
{
  std::int64_t days = t / day, rest = t % day;
  if (rest < 0)
    rest += day, --days;
  std::int64_t const z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
  std::int64_t const year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  std::int64_t const from_march = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int64_t const m = (5 * from_march + 2) / 153;
  Date d;
  d.day = static_cast<int>(from_march - (153 * m + 2) / 5 + 1);
  d.month = static_cast<int>(m < 10 ? m + 3 : m - 9);
  d.year = static_cast<int>(year_of_era + era * 400 + (d.month <= 2 ? 1 : 0));
  d.hour = static_cast<int>(rest / hour);
  d.minute = static_cast<int>(rest / minute % 60);
  d.second = static_cast<int>(rest % 60);
  return d;
}

int day_of_year(Date const& d) { return static_cast<int>(days_of(d.year, d.month, d.day) - days_of(d.year, 1, 1)) + 1; }

Time parse_time(std::string const& text, std::string const& where)
{
  auto const date = scan_date(text);
  if (!date)
    fail(where, fmt::format("'{}' is no date", text), "write it as 1990-01-31 06:00:00");
  return time_of(*date);
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
           fmt::format("'{}' is no duration{}", text,
                       unit == "M" || unit == "MS" || unit == "Y" ? " of fixed length" : ""),
           fix);
    total += count * static_cast<double>(seconds);
    s.skip_blanks();
  }
  double const whole = std::round(total);
  if (!(whole > 0) || std::fabs(total - whole) > 1e-6)
    fail(where, fmt::format("'{}' is not a positive number of whole seconds", text), fix);
  return static_cast<Duration>(whole);
}

std::string format_time(Time t)
{
  Date const d = date_of(t);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", d.year, d.month, d.day, d.hour, d.minute, d.second);
}

std::string format_time(Time t, std::string const& pattern)
{
  Date const d = date_of(t);
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
      out += fmt::format("{:03}", day_of_year(d));
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

TimeUnits::TimeUnits(std::string const& units, std::string const& calendar, std::string const& where)
{
  if (!calendar.empty() && calendar != "standard" && calendar != "gregorian" && calendar != "proleptic_gregorian")
    fail(where, fmt::format("calendar {} is not supported", calendar), "use data in the standard (Gregorian) calendar");
  auto const since = units.find(" since ");
  std::string const unit = units.substr(0, since == std::string::npos ? 0 : since);
  Duration const seconds = seconds_in(unit);
  if (unit == "milliseconds" || unit == "msec")
    seconds_ = 1e-3;
  else if (unit == "microseconds")
    seconds_ = 1e-6;
  else if (unit == "nanoseconds")
    seconds_ = 1e-9;
  else if (seconds > 0)
    seconds_ = static_cast<double>(seconds);
  else
    fail(where, fmt::format("time units '{}' are not understood", units),
         "use seconds, minutes, hours or days since a date, as CF asks for");
  auto const origin = scan_date(units.substr(since + 7));
  if (!origin)
    fail(where, fmt::format("time units '{}' name no valid date", units),
         "use the form 'hours since 1900-01-01 00:00:00'");
  origin_ = time_of(*origin);
  // The standard calendar is Julian before 15 October 1582; only the origin of a time axis ever lies so far back.
  if (calendar != "proleptic_gregorian" && origin_ < time_of({1582, 10, 15})) {
    std::int64_t const century = (origin->month > 2 ? origin->year : origin->year - 1) / 100;
    origin_ += (century - century / 4 - 2) * day;
  }
}

Time TimeUnits::decode(double value) const { return origin_ + static_cast<Time>(std::llround(value * seconds_)); }

} // namespace rossby
