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
    log::Scope const outer(ours);
    log::info("one");
    {
      log::Scope const inner(theirs); // the third rank of another session
      log::info("not said");
      log::warning("not said");
      log::error("from any rank");
    }
    log::warning("two");
    log::warning_once("three");
    log::warning_once("three");
  }
  EXPECT_EQ(first, (Lines{{LogLevel::info, "one"}, {LogLevel::warning, "two"}, {LogLevel::warning, "three"}}));
  EXPECT_EQ(second, (Lines{{LogLevel::error, "from any rank"}}));
  EXPECT_NE(log::current(), ours);
}

TEST(Log, WhatWasSaidOnceIsSaidAgainInAnotherLog)
{
  Lines first, second;
  auto const a = log_into(first, 0), b = log_into(second, 0);
  for (auto const& log : {a, b, a, b}) {
    log::Scope const scope(log);
    log::warning_once("old key");
  }
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(second.size(), 1u);
}

TEST(Log, ThreadsHaveTheirOwnUntilOneIsHandedOn)
{
  Lines lines;
  log::Scope const scope(log_into(lines, 0));
  std::thread([] { EXPECT_TRUE(log::current()->standard()); }).join();
  std::thread([log = log::current()] {
    log::Scope const inner(log);
    log::info("from the reader");
  }).join();
  EXPECT_EQ(lines, (Lines{{LogLevel::info, "from the reader"}}));
}

} // namespace
} // namespace rossby
