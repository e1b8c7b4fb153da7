// What kernels over blocks stand on, and that the emulator reports every fault it is for.
#include <support/block_emulator.hpp>

#include <gtest/gtest.h>

namespace rossby {
namespace {
using namespace test;
using ops::Registers;
using Faults = std::vector<std::string>;

template <class T> Registers<Lanes<T>, 1> one(Lanes<T> const& x)
{
  Registers<Lanes<T>, 1> r;
  r.template of<0>() = x;
  return r;
}

template <class Kernel> Faults faults_of(Kernel const& kernel, int threads = 64)
{
  EmulatedBlock b(threads, 4096);
  b.run(1, kernel);
  return b.faults();
}

TEST(Block, RacesAreReported)
{
  // Thread t reads what thread t + distance wrote.
  auto const neighbour = [](int distance, bool sync, bool sync_warp) {
    return faults_of([=](EmulatedBlock& b) {
      auto const a = b.shared<float>(64);
      b.put<1>(a, b.thread(), one(Lanes<float>(1.0f)));
      if (sync)
        b.sync();
      if (sync_warp)
        b.sync_warp();
      b.get<1>(a, (b.thread() + distance) % 64);
    });
  };
  EXPECT_EQ(neighbour(32, true, false), Faults());
  EXPECT_EQ(neighbour(0, false, false), Faults());
  EXPECT_EQ(neighbour(32, false, true), Faults{"race: a warp reads what another wrote since the last sync"});
  EXPECT_EQ(neighbour(1, false, true), Faults{"race: a warp reads what another wrote since the last sync"});
  EXPECT_EQ(neighbour(1, false, false).size(), 2u);

  auto const overwrites = [](int distance, bool sync) {
    return faults_of([=](EmulatedBlock& b) {
      auto const a = b.shared<float>(64);
      b.put<1>(a, b.thread(), one(Lanes<float>(1.0f)));
      b.sync();
      b.get<1>(a, b.thread());
      if (sync)
        b.sync();
      b.put<1>(a, (b.thread() + distance) % 64, one(Lanes<float>(2.0f)));
    });
  };
  EXPECT_EQ(overwrites(32, true), Faults());
  EXPECT_EQ(overwrites(32, false), Faults{"race: a warp writes what another read since the last sync"});
  EXPECT_EQ(overwrites(1, false).size(), 2u);
  EXPECT_EQ(faults_of([](EmulatedBlock& b) { b.put<1>(b.shared<float>(1), b.thread() * 0, one(Lanes<float>(1.0f))); }),
            (Faults{"race: two threads write the same place", "race: two warps write the same place"}));
  EXPECT_EQ(faults_of([](EmulatedBlock& b) { b.get<1>(b.shared<float>(64), b.thread()); }),
            Faults{"shared memory is read before it is written"});
}

TEST(Block, BankConflictsAreReported)
{
  auto const rows_apart = [](int stride) {
    return faults_of(
        [=](EmulatedBlock& b) { b.put<1>(b.shared<float>(1024), b.thread() * stride, one(Lanes<float>(1.0f))); }, 32);
  };
  EXPECT_EQ(rows_apart(1), Faults());
  EXPECT_EQ(rows_apart(31), Faults());
  EXPECT_EQ(rows_apart(2), Faults{"bank conflict: 2 passes for 4 bytes a thread"});
  EXPECT_EQ(rows_apart(32), Faults{"bank conflict: 32 passes for 4 bytes a thread"});
}

TEST(Block, SectorsAreCounted)
{
  std::vector<float> memory(2048 + 8);
  float* const begin = memory.data() + (32 - reinterpret_cast<std::uintptr_t>(memory.data()) % 32) % 32 / 4;
  auto const ratio = [&](int stride, int shift) {
    EmulatedBlock b(32, 64);
    b.run(1, [&](EmulatedBlock& block) { block.load<1>(begin, Lanes<index_t>(block.thread() * stride + shift)); });
    return b.sector_ratio();
  };
  EXPECT_EQ(ratio(1, 0), 1);
  EXPECT_EQ(ratio(1, 1), 1.25);
  EXPECT_EQ(ratio(8, 0), 8);
  EXPECT_EQ(faults_of([&](EmulatedBlock& b) { b.load<4>(begin, Lanes<index_t>(b.thread() * 4 + 1)); }),
            Faults{"an access that is not on its own boundary"});
}

TEST(Block, AccessesBeyondSharedMemory)
{
  EmulatedBlock b(32, 64);
  EXPECT_THROW(b.run(1, [](EmulatedBlock& block) { block.shared<float>(17); }), Error);
  EXPECT_THROW(b.run(1, [](EmulatedBlock& block) { block.get<1>(block.shared<float>(16), block.thread()); }), Error);
}

} // namespace
} // namespace rossby
