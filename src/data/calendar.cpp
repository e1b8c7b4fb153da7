// Dates of six calendars. A day number counts days since 1970-01-01 of its calendar; years of the calendars with leap
// days are counted from March, so that the leap day is a year's last. In the standard calendar days before 15 October
// 1582 carry Julian dates, thirteen days behind the Julian calendar's own numbers, which begin on its own 1970-01-01.
#include <rossby/data/time.hpp>

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>

namespace rossby {

namespace {

constexpr Duration day = 86400;
/// Julian dates of today are this many days behind.
constexpr std::int64_t julian_lag = 13;
constexpr std::array<int, 12> usual_days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

struct Day {
  std::int64_t year;
  int month, day;
};

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

int from_march(int month, int day_of_month)
{
  return (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day_of_month - 1;
}

Day from_march(std::int64_t year, std::int64_t days)
{
  auto const m = (5 * days + 2) / 153;
  Day d;
  d.day = static_cast<int>(days - (153 * m + 2) / 5 + 1);
  d.month = static_cast<int>(m < 10 ? m + 3 : m - 9);
  d.year = year + (d.month <= 2 ? 1 : 0);
  return d;
}

std::int64_t gregorian_number(Day const& d)
{
  std::int64_t const y = d.month > 2 ? d.year : d.year - 1, era = floor_div(y, 400), of_era = y - era * 400;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + from_march(d.month, d.day) - 719468;
}

Day gregorian_day(std::int64_t number)
{
  std::int64_t const z = number + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
  std::int64_t const year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  return from_march(year + era * 400, of_era - (365 * year + year / 4 - year / 100));
}

/// Days from 1 March of the year 0 to 1 January 1970.
constexpr std::int64_t julian_epoch = 1969 * 365 + 1969 / 4 + 306;

std::int64_t julian_number(Day const& d)
{
  std::int64_t const y = d.month > 2 ? d.year : d.year - 1;
  return y * 365 + floor_div(y, 4) + from_march(d.month, d.day) - julian_epoch;
}

Day julian_day(std::int64_t number)
{
  std::int64_t const z = number + julian_epoch, era = floor_div(z, 1461), of_era = z - era * 1461;
  std::int64_t const year = std::min<std::int64_t>(of_era / 365, 3);
  return from_march(year + era * 4, of_era - 365 * year);
}

/// Calendars whose years are alike: the days of their months.
std::array<int, 12> months_of(Calendar calendar)
{
  auto days = usual_days;
  if (calendar == Calendar::all_leap)
    days[1] = 29;
  if (calendar == Calendar::days_360)
    days.fill(30);
  return days;
}

int year_length(Calendar calendar)
{
  return calendar == Calendar::days_360 ? 360 : calendar == Calendar::all_leap ? 366 : 365;
}

std::int64_t even_number(Day const& d, Calendar calendar)
{
  auto const days = months_of(calendar);
  std::int64_t number = (d.year - 1970) * year_length(calendar) + d.day - 1;
  for (int m = 1; m < d.month; ++m)
    number += days[static_cast<std::size_t>(m - 1)];
  return number;
}

Day even_day(std::int64_t number, Calendar calendar)
{
  auto const days = months_of(calendar);
  int const length = year_length(calendar);
  std::int64_t const year = floor_div(number, length);
  auto rest = static_cast<int>(number - year * length);
  int month = 1;
  while (rest >= days[static_cast<std::size_t>(month - 1)])
    rest -= days[static_cast<std::size_t>(month++ - 1)];
  return {year + 1970, month, rest + 1};
}

bool is_julian_date(Day const& d) { return std::tie(d.year, d.month, d.day) < std::make_tuple(1582, 10, 15); }

std::int64_t number_of(Day const& d, Calendar calendar)
{
  switch (calendar) {
  case Calendar::standard:
    return is_julian_date(d) ? julian_number(d) + julian_lag : gregorian_number(d);
  case Calendar::proleptic_gregorian:
    return gregorian_number(d);
  case Calendar::julian:
    return julian_number(d);
  default:
    return even_number(d, calendar);
  }
}

Day day_of(std::int64_t number, Calendar calendar)
{
  switch (calendar) {
  case Calendar::standard:
    return number < gregorian_number({1582, 10, 15}) ? julian_day(number - julian_lag) : gregorian_day(number);
  case Calendar::proleptic_gregorian:
    return gregorian_day(number);
  case Calendar::julian:
    return julian_day(number);
  default:
    return even_day(number, calendar);
  }
}

struct Name {
  char const* name;
  Calendar calendar;
};
constexpr Name names[] = {{"standard", Calendar::standard},  {"proleptic_gregorian", Calendar::proleptic_gregorian},
                          {"julian", Calendar::julian},      {"noleap", Calendar::no_leap},
                          {"all_leap", Calendar::all_leap},  {"360_day", Calendar::days_360},
                          {"gregorian", Calendar::standard}, {"365_day", Calendar::no_leap},
                          {"no_leap", Calendar::no_leap},    {"366_day", Calendar::all_leap}};

} // namespace

char const* name_of(Calendar calendar)
{
  return std::find_if(std::begin(names), std::end(names), [&](Name const& n) { return n.calendar == calendar; })->name;
}

Calendar parse_calendar(std::string const& name, std::string const& where)
{
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (auto const& n : names)
    if (lower == n.name)
      return n.calendar;
  fail(where, fmt::format("the calendar '{}' is not known", name),
       "use standard, gregorian, proleptic_gregorian, noleap, 365_day, all_leap, 366_day, 360_day or julian");
}

bool is_gregorian(Calendar calendar)
{
  return calendar == Calendar::standard || calendar == Calendar::proleptic_gregorian;
}

bool has_day(Date const& d, Calendar calendar)
{
  if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31)
    return false;
  Day const back = day_of(number_of({d.year, d.month, d.day}, calendar), calendar);
  return back.year == d.year && back.month == d.month && back.day == d.day;
}

Time time_of(Date const& d, Calendar calendar)
{
  return number_of({d.year, d.month, d.day}, calendar) * day + d.hour * 3600 + d.minute * 60 + d.second;
}

Date date_of(Time t, Calendar calendar)
{
  std::int64_t const number = floor_div(t, day);
  auto const rest = static_cast<int>(t - number * day);
  Day const d = day_of(number, calendar);
  return {static_cast<int>(d.year), d.month, d.day, rest / 3600, rest / 60 % 60, rest % 60};
}

int day_of_year(Date const& d, Calendar calendar)
{
  return static_cast<int>(number_of({d.year, d.month, d.day}, calendar) - number_of({d.year, 1, 1}, calendar)) + 1;
}

} // namespace rossby
