#include <rossby/core/log.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace rossby {
namespace {

using Lines = std::vector<std::pair<LogLevel, std::string>>;

std::shared_ptr<Log> log_into(Lines& lines, int rank)
{
  return std::make_shared<Log>(rank, [&lines](LogLevel level, std::string const& m) { lines.emplace_back(level, m); });
}

TEST(Log, TheFirstRankOfEachGroupSpeaks)
{
  Lines first, second;
  auto const ours = log_into(first, 0), theirs = log_into(second, 2);
  {
    logging::Scope const outer(ours);
    logging::info("one");
    {
      logging::Scope const inner(theirs); // the third rank of another session
      logging::info("not said");
      logging::warning("not said");
      logging::error("from any rank");
    }
    logging::warning("two");
    logging::warning_once("three");
    logging::warning_once("three");
  }
  EXPECT_EQ(first, (Lines{{LogLevel::info, "one"}, {LogLevel::warning, "two"}, {LogLevel::warning, "three"}}));
  EXPECT_EQ(second, (Lines{{LogLevel::error, "from any rank"}}));
  EXPECT_NE(logging::current(), ours);
}

TEST(Log, WhatWasSaidOnceIsSaidAgainInAnotherLog)
{
  Lines first, second;
  auto const a = log_into(first, 0), b = log_into(second, 0);
  for (auto const& log : {a, b, a, b}) {
    logging::Scope const scope(log);
    logging::warning_once("old key");
  }
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(second.size(), 1u);
}

TEST(Log, ThreadsHaveTheirOwnUntilOneIsHandedOn)
{
  Lines lines;
  logging::Scope const scope(log_into(lines, 0));
  std::thread([] { EXPECT_TRUE(logging::current()->standard()); }).join();
  std::thread([log = logging::current()] {
    logging::Scope const inner(log);
    logging::info("from the reader");
  }).join();
  EXPECT_EQ(lines, (Lines{{LogLevel::info, "from the reader"}}));
}

} // namespace
} // namespace rossby
