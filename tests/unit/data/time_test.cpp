#include <rossby/core/error.hpp>
#include <rossby/data/time.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

TEST(Time, DatesGoThereAndBack)
{
  EXPECT_EQ(time_of({1970, 1, 1}), 0);
  EXPECT_EQ(time_of({2000, 3, 1}), 951868800);
  for (Time t = time_of({1890, 1, 1}); t < time_of({2110, 1, 1}); t += 86400 * 17 + 3607) {
    Date const d = date_of(t);
    ASSERT_EQ(time_of(d), t);
  }
  EXPECT_EQ(time_of({2000, 2, 29}) + 86400, time_of({2000, 3, 1}));
  EXPECT_EQ(time_of({1900, 2, 28}) + 86400, time_of({1900, 3, 1}));
  EXPECT_EQ(day_of_year({2020, 12, 31}), 366);
}

TEST(Time, ReadsTheUsualSpellings)
{
  Time const t = time_of({1982, 1, 14, 14, 0, 0});
  for (char const* text :
       {"1982-01-14 14:00:00", "1982-01-14T14:00:00Z", "1982-1-14 14", "1982-01-14 14:00:0.0", "1982-01-14 14:00 UTC"})
    EXPECT_EQ(parse_time(text, "key"), t) << text;
  for (char const* text :
       {"", "1982", "1982-13-01", "1982-02-29", "14-JAN-1982", "1982-01-14 14:61", "1982-01-14 14:00 CET"})
    EXPECT_THROW(parse_time(text, "key"), Error) << text;
  EXPECT_EQ(format_time(t), "1982-01-14 14:00:00");
  EXPECT_EQ(format_time(t, "%Y%m%d_%H%MZ %j %y"), "19820114_1400Z 014 82");
}

TEST(Time, ReadsDurations)
{
  EXPECT_EQ(parse_duration("6h", "key"), 21600);
  EXPECT_EQ(parse_duration("h", "key"), 3600);
  EXPECT_EQ(parse_duration("730.5h", "key"), 2629800);
  EXPECT_EQ(parse_duration("730h30min", "key"), 2629800);
  EXPECT_EQ(parse_duration("10 days", "key"), 864000);
  EXPECT_EQ(parse_duration("1D", "key"), 86400);
  for (char const* text : {"", "6", "six hours", "1M", "-6h", "0h", "0.1s"})
    EXPECT_THROW(parse_duration(text, "key"), Error) << text;
  EXPECT_EQ(format_duration(2629800), "730h30min");
  EXPECT_EQ(format_duration(864000), "10d");
}

Time decoded(std::string const& units, Calendar calendar, double value)
{
  return TimeUnits(units, calendar, "f").decode(value);
}

TEST(Time, DecodesTimeAxes)
{
  auto const standard = Calendar::standard, proleptic = Calendar::proleptic_gregorian;
  EXPECT_EQ(decoded("hours since 1980-01-14 14:00:00", standard, 17598), time_of({1982, 1, 16, 20, 0, 0}));
  EXPECT_EQ(decoded("hour since 1980-01-14 14:00", standard, 18328.5), time_of({1982, 2, 16, 6, 30, 0}));
  EXPECT_EQ(decoded("days since 1900-1-1 0:0:0", standard, 1), time_of({1900, 1, 2}));
  EXPECT_EQ(decoded("seconds since 1970-01-01", proleptic, 5), 5);
  // 719164 days lie between the Julian 0001-01-01 and 1970-01-01, 719162 in the proleptic Gregorian calendar.
  EXPECT_EQ(decoded("days since 0001-01-01", standard, 719164), 0);
  EXPECT_EQ(decoded("days since 0001-01-01", proleptic, 719162), 0);
  EXPECT_THROW(TimeUnits("months since 1900-01-01", standard, "f"), Error);
  EXPECT_THROW(TimeUnits("hours", standard, "f"), Error);
  EXPECT_THROW(TimeUnits("hours since 1900-02-30", Calendar::no_leap, "f"), Error);
  for (double const far : {1e30, -1e30, 1e300 * 1e300})
    EXPECT_THROW(decoded("hours since 1900-01-01", standard, far), Error) << far;
}

/// Numbers of Python's cftime: cftime.datetime.strptime(date, ..., calendar=c) and date2num in seconds since
/// 1970-01-01.
TEST(Time, CalendarsOfTheConventions)
{
  auto const c = [](char const* name) { return parse_calendar(name, "key"); };
  EXPECT_EQ(c("365_day"), Calendar::no_leap);
  EXPECT_EQ(c("GREGORIAN"), Calendar::standard);
  EXPECT_THROW(c("lunar"), Error);
  EXPECT_EQ(time_of({2000, 3, 1}, c("noleap")), (30 * 365 + 31 + 28) * 86400);
  EXPECT_EQ(time_of({2001, 3, 1}, c("all_leap")), (31 * 366 + 31 + 29) * 86400);
  EXPECT_EQ(time_of({2000, 2, 30}, c("360_day")), (30 * 360 + 59) * 86400);
  EXPECT_EQ(time_of({1900, 2, 29}, c("julian")) + 86400, time_of({1900, 3, 1}, c("julian")));
  EXPECT_EQ(time_of({1582, 10, 4}) + 86400, time_of({1582, 10, 15}));
  EXPECT_FALSE(has_day({1582, 10, 10}, c("standard")));
  EXPECT_TRUE(has_day({1582, 10, 10}, c("proleptic_gregorian")));
  EXPECT_FALSE(has_day({2000, 2, 29}, c("noleap")));
  EXPECT_TRUE(has_day({2001, 2, 29}, c("all_leap")));
  EXPECT_FALSE(has_day({2000, 1, 31}, c("360_day")));
  EXPECT_EQ(format_time(time_of({2000, 2, 28, 18}, c("noleap")) + 6 * 3600, c("noleap")), "2000-03-01 00:00:00");
  EXPECT_EQ(format_time(time_of({2000, 12, 30}, c("360_day")) + 86400, "%Y %j", c("360_day")), "2001 001");
  EXPECT_EQ(parse_time("2001-02-30 06:00", "key", c("360_day")), (31 * 360 + 59) * 86400 + 21600);
  EXPECT_THROW(parse_time("2001-02-30", "key", c("noleap")), Error);
  EXPECT_EQ(decoded("months since 2000-01-01", c("360_day"), 2), time_of({2000, 3, 1}, c("360_day")));
  EXPECT_EQ(decoded("days since 0000-01-01", c("noleap"), 730000), time_of({2000, 1, 1}, c("noleap")));
  for (char const* name : {"standard", "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day"})
    for (Time t = -80000000000; t < 80000000000; t += 86400 * 317 + 4321) {
      Date const d = date_of(t, c(name));
      ASSERT_TRUE(has_day(d, c(name))) << name << t;
      ASSERT_EQ(time_of(d, c(name)), t) << name;
    }
}

} // namespace
} // namespace rossby
