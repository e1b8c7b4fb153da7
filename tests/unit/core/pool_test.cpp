#include "core/host_waits.hpp"
#include "core/upload.hpp"
#include <rossby/core/array.hpp>
#include <rossby/core/error.hpp>
#include <rossby/core/pool.hpp>

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <utility>

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

TEST(Pool, StagedBlocksAreUsedAgainAfterAWait)
{
  auto const pool = std::make_shared<Pool>();
  Pool::Scope const scope(pool);
  void* const first = pool->stage(1000);
  void* const second = pool->stage(1000);
  EXPECT_NE(first, second); // its copy may be under way
  EXPECT_EQ(pool->staged_bytes(), 2048u);
  EXPECT_EQ(pool->bytes_in_use(), 0u);
  wait_for(Exec(), "rossby::core::test");
  EXPECT_EQ(pool->staged_bytes(), 0u);
  std::set<void*> const again{pool->stage(800), pool->stage(1024)};
  EXPECT_EQ(again, (std::set<void*>{first, second}));
  EXPECT_EQ(again.count(pool->stage(4)), 0u);
}

TEST(Pool, UploadsDoNotWait)
{
  for (DType const type : {DType::float32, DType::float64}) {
    auto const before = host_waits();
    Array const a = upload(Exec(), type, {3}, std::vector<float>{1, 2.5F, -3});
    Array const b = upload(Exec(), type, {3, 1}, std::vector<double>{1, 2.5, -3});
    EXPECT_EQ(host_waits(), before);
    EXPECT_EQ(a.to_host(Exec()), (std::vector<double>{1, 2.5, -3}));
    EXPECT_EQ(b.to_host(Exec()), a.to_host(Exec()));
  }
}

TEST(Pool, ArraysComeFromTheInnermostScope)
{
  auto const first = std::make_shared<Pool>(), second = std::make_shared<Pool>();
  Array kept;
  {
    Pool::Scope const outer(first);
    auto const a = Array::empty(DType::float64, {1000});
    {
      Pool::Scope const inner(second);
      kept = Array::empty(DType::float64, {1000});
    }
    auto const b = Array::empty(DType::float64, {1000});
    EXPECT_GE(first->bytes_in_use(), 16000u);
    EXPECT_LT(second->bytes_in_use(), 16000u);
  }
  EXPECT_EQ(first->bytes_in_use(), 0u);
  EXPECT_GE(second->bytes_in_use(), 8000u);
  std::thread([array = std::exchange(kept, Array())] {}).join(); // dies on another thread, into its own pool
  EXPECT_EQ(second->bytes_in_use(), 0u);
}

} // namespace
} // namespace rossby
