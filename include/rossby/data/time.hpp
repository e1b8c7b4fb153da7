#pragma once
/// \file
/// Dates, durations and the time axes of files.

#include <cstdint>
#include <string>

namespace rossby {

/// How days are counted (CF conventions, section 4.4.1).
enum class Calendar {
  standard,            ///< also "gregorian": Julian until 4 October 1582, Gregorian from 15 October on
  proleptic_gregorian, ///< Gregorian always
  julian,
  no_leap,  ///< "noleap", "365_day": 28 days in every February
  all_leap, ///< "all_leap", "366_day": 29 days in every February
  days_360  ///< "360_day": 30 days in every month
};
/// As CF calls it.
char const* name_of(Calendar);
/// Also by its other names, in any case. \throws Error at `where` that lists the names.
Calendar parse_calendar(std::string const& name, std::string const& where);
/// Standard and proleptic Gregorian: one calendar, but for dates before 15 October 1582.
bool is_gregorian(Calendar);

/// Seconds since 1970-01-01 00:00 UTC of a calendar, which a number alone doesn't tell: differences are seconds of the
/// run's clock. A run has one calendar (DataConfig::calendar).
using Time = std::int64_t;
/// Seconds.
using Duration = std::int64_t;

struct Date {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
};

/// True when the calendar has this day.
bool has_day(Date const&, Calendar);
Date date_of(Time, Calendar = Calendar::standard);
Time time_of(Date const&, Calendar = Calendar::standard);
/// 1 to 366.
int day_of_year(Date const&, Calendar = Calendar::standard);

/// "1982-01-14", "1982-01-14 14:00", "1982-01-14T14:00:00Z" and the like, of years 0 to 99999. `where` is the deck key
/// or the file.
Time parse_time(std::string const& text, std::string const& where, Calendar = Calendar::standard);
/// "6h", "730.5h", "730h30min", "1 day", "10d", "1h30min", "3600s", "2w"; a bare unit counts once. Positive, whole
/// seconds, a thousand years at most.
Duration parse_duration(std::string const& text, std::string const& where);

/// "1982-01-14 14:00:00"
std::string format_time(Time, Calendar = Calendar::standard);
/// strftime codes: %Y %m %d %H %M %S %j %y %f %%.
std::string format_time(Time, std::string const& pattern, Calendar = Calendar::standard);
/// "6h", "730h30min", "10d"
std::string format_duration(Duration);

/// The unit of a file's time coordinate: "hours since 1980-01-14 14:00:00".
class TimeUnits {
public:
  TimeUnits(std::string const& units, Calendar, std::string const& where);
  /// In the calendar of the units, rounded to the second. \throws Error for what lies beyond the years 0 to 99999.
  Time decode(double value) const;

private:
  std::string where_;
  double seconds_ = 1;
  Time origin_ = 0;
};

} // namespace rossby
