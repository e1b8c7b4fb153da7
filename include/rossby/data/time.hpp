#pragma once
/// \file
/// Dates, durations and the time axes of files.

#include <cstdint>
#include <string>

namespace rossby {

/// Seconds since 1970-01-01 00:00 UTC in the proleptic Gregorian calendar.
using Time = std::int64_t;
/// Seconds.
using Duration = std::int64_t;

struct Date {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
};

Date date_of(Time);
Time time_of(Date const&);
/// 1 to 366.
int day_of_year(Date const&);

/// "1982-01-14", "1982-01-14 14:00", "1982-01-14T14:00:00Z" and the like. `where` is the deck key or the file.
Time parse_time(std::string const& text, std::string const& where);
/// "6h", "730.5h", "730h30min", "1 day", "10d", "1h30min", "3600s", "2w"; a bare unit counts once. Positive, whole
/// seconds.
Duration parse_duration(std::string const& text, std::string const& where);

/// "1982-01-14 14:00:00"
std::string format_time(Time);
/// strftime codes: %Y %m %d %H %M %S %j %y %f %%.
std::string format_time(Time, std::string const& pattern);
/// "6h", "730h30min", "10d"
std::string format_duration(Duration);

/// The unit of a file's time coordinate: "hours since 1980-01-14 14:00:00".
class TimeUnits {
public:
  /// Calendars standard, gregorian and proleptic_gregorian; any other is refused.
  TimeUnits(std::string const& units, std::string const& calendar, std::string const& where);
  /// Rounded to the second.
  Time decode(double value) const;

private:
  double seconds_ = 1;
  Time origin_ = 0;
};

} // namespace rossby
