// The cache of decoded chunks and what is read ahead into it; both private to src/io.
#include "io/chunk_cache.hpp"
#include "io/read_ahead.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

namespace rossby::io {
namespace {

struct ChunkCaches : ::testing::Test {
  std::atomic<int> made{0};

  ChunkCache::Make make(std::size_t bytes = 1000)
  {
    return [this, bytes] {
      ++made;
      return std::make_shared<Bytes const>(bytes);
    };
  }
  static ChunkCache::Key key(index_t chunk, std::uint64_t store = 1) { return {store, 0, chunk}; }
};

TEST_F(ChunkCaches, KeepWhatWasUsedLast)
{
  ChunkCache cache(4000, 1);
  for (index_t k : {0, 1, 2, 0, 3}) // 3 has room when 1 goes
    cache.get(key(k), 1000, make());
  EXPECT_EQ(made, 4);
  cache.get(key(0), 1000, make());
  EXPECT_EQ(made, 4);
  cache.get(key(1), 1000, make());
  EXPECT_EQ(made, 5);
  EXPECT_LE(cache.bytes(), 4000u);
}

TEST_F(ChunkCaches, KeepTheChunkAtHandWhateverItsSize)
{
  ChunkCache cache(100, 1);
  for (int level = 0; level < 5; ++level)
    EXPECT_EQ(cache.get(key(7), 1000, make())->size, 1000u);
  EXPECT_EQ(made, 1);
}

TEST_F(ChunkCaches, AskAheadWithinTheBound)
{
  ChunkCache cache(4000, 2);
  EXPECT_TRUE(cache.prefetch(key(0), 1000, make()));
  EXPECT_TRUE(cache.prefetch(key(1), 1000, make()));
  EXPECT_TRUE(cache.prefetch(key(2), 1000, make()));
  EXPECT_FALSE(cache.prefetch(key(3), 1000, make())) << "nothing of what was asked for has been used";
  for (index_t k : {0, 1, 2})
    cache.get(key(k), 1000, make());
  EXPECT_EQ(made, 3) << "each once, by whoever was first";
  EXPECT_TRUE(cache.prefetch(key(3), 1000, make()));
  cache.forget(1);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST_F(ChunkCaches, TakeTheirBoundFromTheEnvironment)
{
  constexpr std::size_t mebibyte = std::size_t{1} << 20;
  ASSERT_EQ(::setenv("ROSSBY_CHUNK_CACHE", "3", 1), 0);
  auto const small = ChunkCache::shared();
  ::unsetenv("ROSSBY_CHUNK_CACHE");
  EXPECT_EQ(ChunkCache::shared(), small); // one for all stores that are open
  for (index_t k = 0; k < 5; ++k)
    small->get(key(k), mebibyte, make(mebibyte));
  EXPECT_GT(small->bytes(), mebibyte);
  EXPECT_LE(small->bytes(), 3 * mebibyte);
}

TEST_F(ChunkCaches, TellErrorsToWhoAsksAndTryAgain)
{
  ChunkCache cache(4000, 1);
  ChunkCache::Make const fails = [this]() -> ChunkCache::Chunk {
    ++made;
    throw CodecError("damaged");
  };
  cache.prefetch(key(0), 1000, fails);
  EXPECT_THROW(cache.get(key(0), 1000, fails), CodecError);
  EXPECT_THROW(cache.get(key(0), 1000, fails), CodecError);
  EXPECT_EQ(made, 2);
  EXPECT_TRUE(cache.get(key(0), 1000, make()));
}

TEST_F(ChunkCaches, MakeAChunkOnceForSeveralThreads)
{
  ChunkCache cache(1 << 20, 2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (index_t k = 0; k < 50; ++k)
        cache.get(key(k), 1000, make());
    });
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(made, 50);
}

TEST(ReadAhead, ExpectsWhatFollowedBeforeAtTheSameTime)
{
  ReadAhead ahead;
  auto const read = [&](int array, index_t time) {
    std::vector<std::pair<int, index_t>> next;
    for (auto const& r : ahead.note(array, {time, 0, 0}, {1, 4, 4}))
      next.emplace_back(r.array, r.start[0]);
    return next;
  };
  using Next = std::vector<std::pair<int, index_t>>;
  for (int array : {0, 1, 2}) // the first sample teaches
    EXPECT_EQ(read(array, 5), Next{});
  EXPECT_EQ(read(0, 6), (Next{{1, 6}, {2, 6}}));
  EXPECT_EQ(read(1, 6), (Next{{2, 6}}));
  EXPECT_EQ(read(2, 6), Next{}) << "another time follows, and nobody knows which";
  EXPECT_EQ(read(0, 2), (Next{{1, 2}, {2, 2}}));
  // Several boxes of one variable belong together.
  ahead.note(1, {2, 0, 0}, {1, 4, 2});
  EXPECT_EQ(ahead.note(1, {2, 0, 2}, {1, 4, 2}).size(), 0u);
  read(2, 2);
  EXPECT_EQ(read(0, 9), (Next{{1, 9}, {1, 9}, {2, 9}}));
}

} // namespace
} // namespace rossby::io
