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

TEST(Time, DecodesTimeAxes)
{
  EXPECT_EQ(TimeUnits("hours since 1980-01-14 14:00:00", "", "f").decode(17598), time_of({1982, 1, 16, 20, 0, 0}));
  EXPECT_EQ(TimeUnits("hour since 1980-01-14 14:00", "gregorian", "f").decode(18328.5),
            time_of({1982, 2, 16, 6, 30, 0}));
  EXPECT_EQ(TimeUnits("days since 1900-1-1 0:0:0", "standard", "f").decode(1), time_of({1900, 1, 2}));
  EXPECT_EQ(TimeUnits("seconds since 1970-01-01", "proleptic_gregorian", "f").decode(5), 5);
  // 719164 days lie between the Julian 0001-01-01 and 1970-01-01, 719162 in the proleptic Gregorian calendar.
  EXPECT_EQ(TimeUnits("days since 0001-01-01", "standard", "f").decode(719164), 0);
  EXPECT_EQ(TimeUnits("days since 0001-01-01", "proleptic_gregorian", "f").decode(719162), 0);
  EXPECT_THROW(TimeUnits("months since 1900-01-01", "", "f"), Error);
  EXPECT_THROW(TimeUnits("hours", "", "f"), Error);
  EXPECT_THROW(TimeUnits("hours since 1900-01-01", "360_day", "f"), Error);
}

} // namespace
} // namespace rossby
