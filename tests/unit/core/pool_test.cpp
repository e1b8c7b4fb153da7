#include <rossby/core/error.hpp>
#include <rossby/core/pool.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {

TEST(Pool, HandsTheSameBlockOutAgain)
{
  auto const pool = std::make_shared<Pool>();
  auto a = pool->allocate(10000);
  void* const address = a.get();
  EXPECT_GE(pool->bytes_in_use(), 10000u);
  a.reset();
  EXPECT_EQ(pool->bytes_in_use(), 0u);
  auto const b = pool->allocate(9900);
  EXPECT_EQ(b.get(), address);
  auto const c = pool->allocate(9900);
  EXPECT_NE(c.get(), address);
}

TEST(Pool, DoesNotWasteALargeBlockOnASmallRequest)
{
  auto const pool = std::make_shared<Pool>();
  auto a = pool->allocate(std::size_t{1} << 20);
  void* const address = a.get();
  a.reset();
  auto const small = pool->allocate(1024);
  EXPECT_NE(small.get(), address);
  auto const large = pool->allocate(std::size_t{1} << 20);
  EXPECT_EQ(large.get(), address);
}

TEST(Pool, CountsPeakAndTrims)
{
  auto const pool = std::make_shared<Pool>();
  {
    auto const a = pool->allocate(4096), b = pool->allocate(4096);
    EXPECT_EQ(pool->bytes_in_use(), 8192u);
  }
  EXPECT_EQ(pool->bytes_in_use(), 0u);
  EXPECT_EQ(pool->peak_bytes(), 8192u);
  pool->reset_peak();
  EXPECT_EQ(pool->peak_bytes(), 0u);
  pool->trim();
  EXPECT_NE(pool->allocate(0).get(), nullptr);
}

TEST(Pool, OutlivedByABlock)
{
  auto pool = std::make_shared<Pool>();
  auto const block = pool->allocate(512);
  pool.reset(); // the block keeps it
  EXPECT_NE(block.get(), nullptr);
}

} // namespace
} // namespace rossby
