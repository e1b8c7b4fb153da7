#pragma once
/// \file
/// A block of threads on the host, for kernels over blocks (src/ops/block.hpp). A lane value is that value of every
/// thread, and all threads take a step together. What a GPU would get wrong or would do slowly is a fault:
/// - shared memory that is read before it was written, or whose last writer (or reader, if it is written) was another
///   warp with no sync() since, or another thread of the warp with no sync_warp() since;
/// - accesses to shared memory that need more passes than a bound, because threads meet on a bank;
/// - accesses to memory that are not on their own boundary;
/// - more sectors of 32 bytes of global memory than a bound times those that the bytes would fill.
/// An index into registers that is not a constant does not compile.

#define ROSSBY_EMULATED_BLOCKS
#include "ops/block.hpp"

#include <rossby/core/error.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace rossby::test {

constexpr int most_threads = 256;
inline int threads_of_block = 0;

/// The T of every thread.
template <class T> struct Lanes {
  T of[most_threads] = {};

  Lanes() = default;
  Lanes(T all) { std::fill_n(of, threads_of_block, all); }
  template <class U, class = std::enable_if_t<!std::is_same<T, U>::value>> explicit Lanes(Lanes<U> const& from)
  {
    for (int t = 0; t < threads_of_block; ++t)
      of[t] = static_cast<T>(from.of[t]);
  }
};

template <class T, class U, class F> auto lanewise(Lanes<T> const& a, Lanes<U> const& b, F const& f)
{
  Lanes<decltype(f(a.of[0], b.of[0]))> c;
  for (int t = 0; t < threads_of_block; ++t)
    c.of[t] = f(a.of[t], b.of[t]);
  return c;
}

#define ROSSBY_LANE_OPERATOR(op)                                                                                       \
  template <class T, class U> auto operator op(Lanes<T> const& a, Lanes<U> const& b)                                   \
  {                                                                                                                    \
    return lanewise(a, b, [](T x, U y) { return x op y; });                                                            \
  }                                                                                                                    \
  template <class T, class U, class = std::enable_if_t<std::is_arithmetic<U>::value>>                                  \
  auto operator op(Lanes<T> const& a, U b)                                                                             \
  {                                                                                                                    \
    return lanewise(a, Lanes<U>(b), [](T x, U y) { return x op y; });                                                  \
  }                                                                                                                    \
  template <class T, class U, class = std::enable_if_t<std::is_arithmetic<U>::value>>                                  \
  auto operator op(U a, Lanes<T> const& b)                                                                             \
  {                                                                                                                    \
    return lanewise(Lanes<U>(a), b, [](U x, T y) { return x op y; });                                                  \
  }
ROSSBY_LANE_OPERATOR(+)
ROSSBY_LANE_OPERATOR(-)
ROSSBY_LANE_OPERATOR(*)
ROSSBY_LANE_OPERATOR(/)
ROSSBY_LANE_OPERATOR(%)
ROSSBY_LANE_OPERATOR(<)
ROSSBY_LANE_OPERATOR(==)
ROSSBY_LANE_OPERATOR(&&)
#undef ROSSBY_LANE_OPERATOR
inline Lanes<bool> operator!(Lanes<bool> const& a) { return a == false; }
template <class T> Lanes<T>& operator+=(Lanes<T>& a, Lanes<T> const& b) { return a = a + b; }
template <class T> Lanes<T>& operator*=(Lanes<T>& a, Lanes<T> const& b) { return a = a * b; }

class EmulatedBlock {
public:
  template <class T> using Lane = Lanes<T>;
  template <class T> struct Shared {
    int begin; ///< byte
  };

  /// Kernels with `threads` threads a block and so much shared memory.
  EmulatedBlock(int threads, int shared_bytes, int most_passes = 1)
      : threads_(threads), most_passes_(most_passes), bytes_(static_cast<std::size_t>(shared_bytes)),
        cells_(bytes_.size() / 2)
  {
    ROSSBY_EXPECT(threads % 32 == 0 && threads <= most_threads);
    threads_of_block = threads;
  }

  template <class Kernel> void run(index_t blocks, Kernel const& kernel)
  {
    for (number_ = 0; number_ < blocks; ++number_) {
      free_ = 0;
      std::fill(cells_.begin(), cells_.end(), Cell{});
      kernel(*this);
    }
  }

  std::vector<std::string> const& faults() const { return faults_; }
  /// Sectors of global memory moved, over the fewest that could hold the bytes.
  double sector_ratio() const
  {
    return static_cast<double>(sectors_) / static_cast<double>(std::max(least_sectors_, 1L));
  }
  long products() const { return products_; }

  index_t number() const { return number_; }
  Lanes<int> thread() const
  {
    Lanes<int> t;
    for (int i = 0; i < threads_; ++i)
      t.of[i] = i;
    return t;
  }
  void sync() { ++epoch_, ++warp_epoch_; }
  void sync_warp() { ++warp_epoch_; }

  template <class T> Shared<T> shared(int count)
  {
    Shared<T> const place{free_};
    free_ += (count * static_cast<int>(sizeof(T)) + 15) / 16 * 16;
    if (free_ > static_cast<int>(bytes_.size()))
      fail("EmulatedBlock", "more shared memory than was asked for at the launch", "");
    return place;
  }

  template <class F, class... A> auto apply(F const& f, Lanes<A> const&... a) const
  {
    Lanes<decltype(f(a.of[0]...))> result;
    for (int t = 0; t < threads_; ++t)
      result.of[t] = f(a.of[t]...);
    return result;
  }
  template <class T> Lanes<T> select(Lanes<bool> const& condition, Lanes<T> const& a, Lanes<T> const& b) const
  {
    Lanes<T> result;
    for (int t = 0; t < threads_; ++t)
      result.of[t] = condition.of[t] ? a.of[t] : b.of[t];
    return result;
  }

  template <int N, class T> ops::Registers<Lanes<T>, N> get(Shared<T> from, Lanes<int> const& i)
  {
    check_banks(from, i, N, true);
    ops::Registers<Lanes<T>, N> x;
    for (int t = 0; t < threads_; ++t) {
      int const place = place_of(from, i.of[t], N);
      note_read(t, place, N * sizeof(T));
      ops::unroll<N>([&](auto k) { std::memcpy(&x[k].of[t], &bytes_[at(place) + k.value * sizeof(T)], sizeof(T)); });
    }
    return x;
  }
  template <int N, class T>
  void put(Shared<T> to, Lanes<int> const& i, ops::Registers<Lanes<T>, N> const& x, Lanes<bool> const& when = true)
  {
    check_banks(to, i, N, when);
    for (int t = 0; t < threads_; ++t)
      if (when.of[t]) {
        int const place = place_of(to, i.of[t], N);
        note_write(t, place, N * sizeof(T));
        ops::unroll<N>([&](auto k) { std::memcpy(&bytes_[at(place) + k.value * sizeof(T)], &x[k].of[t], sizeof(T)); });
      }
  }

  template <int N, class T>
  ops::Registers<Lanes<T>, N> load(T const* from, Lanes<index_t> const& i, Lanes<bool> const& when = true)
  {
    count_sectors(from, i, N, when);
    ops::Registers<Lanes<T>, N> x;
    for (int t = 0; t < threads_; ++t)
      ops::unroll<N>([&](auto k) { x[k].of[t] = when.of[t] ? from[i.of[t] + k.value] : T(0); });
    return x;
  }
  template <int N, class T>
  void store(T* to, Lanes<index_t> const& i, ops::Registers<Lanes<T>, N> const& x, Lanes<bool> const& when = true)
  {
    count_sectors(to, i, N, when);
    for (int t = 0; t < threads_; ++t)
      if (when.of[t])
        ops::unroll<N>([&](auto k) { to[i.of[t] + k.value] = x[k].of[t]; });
  }

  template <class T> Lanes<T> shuffle_xor(Lanes<T> const& x, int mask) const
  {
    Lanes<T> result;
    for (int t = 0; t < threads_; ++t)
      result.of[t] = x.of[t ^ mask];
    return result;
  }

  template <int N, bool Turned>
  ops::Registers<Lanes<std::uint32_t>, N> matrices(Shared<bfloat16> from, Lanes<int> const& i)
  {
    check_banks(from, i, 8, apply([](int t) { return t % 32 < 8 * N; }, thread()));
    ops::Registers<Lanes<std::uint32_t>, N> result;
    for (int t = 0; t < threads_; ++t)
      ops::unroll<N>([&](auto m) {
        int const lane = t % 32, first = t - lane + 8 * m.value, row = lane / 4, column = lane % 4 * 2;
        std::uint32_t pair = 0;
        for (int k = 0; k < 2; ++k) {
          int const r = Turned ? column + k : row, c = Turned ? row : column + k;
          int const place = place_of(from, i.of[first + r], 8) + 2 * c;
          note_read(t, place, 2);
          std::uint16_t bits;
          std::memcpy(&bits, &bytes_[at(place)], 2);
          pair |= static_cast<std::uint32_t>(bits) << 16 * k;
        }
        result[m].of[t] = pair;
      });
    return result;
  }

  void mma(ops::Registers<Lanes<float>, 4>& sum, ops::Registers<Lanes<std::uint32_t>, 4> const& a,
           ops::Registers<Lanes<std::uint32_t>, 2> const& b)
  {
    auto const number = [](std::uint32_t pair, int k) {
      return math::bit_cast<float>(k == 0 ? pair << 16 : pair & 0xffff0000u);
    };
    for (int warp = 0; warp < threads_; warp += 32) {
      float left[16][16], right[16][8];
      for (int lane = 0; lane < 32; ++lane)
        for (int k = 0; k < 2; ++k) {
          int const t = warp + lane, row = lane / 4, column = lane % 4 * 2 + k;
          left[row][column] = number(a.of<0>().of[t], k);
          left[row + 8][column] = number(a.of<1>().of[t], k);
          left[row][column + 8] = number(a.of<2>().of[t], k);
          left[row + 8][column + 8] = number(a.of<3>().of[t], k);
          right[column][row] = number(b.of<0>().of[t], k);
          right[column + 8][row] = number(b.of<1>().of[t], k);
        }
      for (int lane = 0; lane < 32; ++lane)
        ops::unroll<4>([&](auto c) {
          int const row = lane / 4 + c.value / 2 * 8, column = lane % 4 * 2 + c.value % 2;
          for (int k = 0; k < 16; ++k)
            sum[c].of[warp + lane] += left[row][k] * right[k][column];
        });
    }
    ++products_;
  }

private:
  /// Who touched two bytes of shared memory last, and at which count of syncs.
  struct Cell {
    int writer = -1, written = -1, written_in_warp = -1;
    int reader = -1, read = -1, read_in_warp = -1;
    bool many_readers = false, many_warps = false;
  };

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  void report(std::string const& fault)
  {
    if (faults_.size() < 20 && std::find(faults_.begin(), faults_.end(), fault) == faults_.end())
      faults_.push_back(fault);
  }

  template <class T> int place_of(Shared<T> array, int i, int count)
  {
    int const size = static_cast<int>(sizeof(T)), place = array.begin + i * size;
    if (place < 0 || place + count * size > static_cast<int>(bytes_.size()))
      fail("EmulatedBlock", "an access beyond shared memory", "");
    if (place % (count * size) != 0)
      report("an access that is not on its own boundary");
    return place;
  }

  void note_read(int t, int place, std::size_t size)
  {
    for (int k = place / 2; k < (place + static_cast<int>(size)) / 2; ++k) {
      Cell& c = cells_[at(k)];
      if (c.writer < 0)
        report("shared memory is read before it is written");
      else if (c.writer / 32 != t / 32 && c.written == epoch_)
        report("race: a warp reads what another wrote since the last sync");
      else if (c.writer / 32 == t / 32 && c.writer != t && c.written_in_warp == warp_epoch_)
        report("race: a thread reads what another of its warp wrote since the last sync_warp");
      if (c.read != epoch_)
        c.many_warps = false;
      if (c.read_in_warp != warp_epoch_)
        c.many_readers = false;
      c.many_warps = c.many_warps || (c.read == epoch_ && c.reader / 32 != t / 32);
      c.many_readers = c.many_readers || (c.read_in_warp == warp_epoch_ && c.reader != t);
      c.reader = t, c.read = epoch_, c.read_in_warp = warp_epoch_;
    }
  }
  void note_write(int t, int place, std::size_t size)
  {
    for (int k = place / 2; k < (place + static_cast<int>(size)) / 2; ++k) {
      Cell& c = cells_[at(k)];
      if (c.read == epoch_ && (c.many_warps || c.reader / 32 != t / 32))
        report("race: a warp writes what another read since the last sync");
      if (c.read_in_warp == warp_epoch_ && c.reader / 32 == t / 32 && (c.many_readers || c.reader != t))
        report("race: a thread writes what another of its warp read since the last sync_warp");
      if (c.writer >= 0 && c.writer / 32 != t / 32 && c.written == epoch_)
        report("race: two warps write the same place");
      if (c.writer >= 0 && c.writer != t && c.written_in_warp == warp_epoch_)
        report("race: two threads write the same place");
      c.writer = t, c.written = epoch_, c.written_in_warp = warp_epoch_;
    }
  }

  /// A warp's access is made in passes of at most 128 bytes; threads that want different words of a bank need more.
  template <class T> void check_banks(Shared<T> array, Lanes<int> const& i, int count, Lanes<bool> const& when)
  {
    int const size = count * static_cast<int>(sizeof(T)), together = std::min(32, 128 / size);
    for (int first = 0; first < threads_; first += together) {
      std::array<std::vector<int>, 32> words;
      for (int t = first; t < first + together; ++t)
        if (when.of[t])
          for (int w = place_of(array, i.of[t], count) / 4;
               4 * w < array.begin + i.of[t] * static_cast<int>(sizeof(T)) + size; ++w) {
            auto& bank = words[at(w % 32)];
            if (std::find(bank.begin(), bank.end(), w) == bank.end())
              bank.push_back(w);
          }
      for (auto const& bank : words)
        if (static_cast<int>(bank.size()) > most_passes_)
          report("bank conflict: " + std::to_string(bank.size()) + " passes for " + std::to_string(size) +
                 " bytes a thread");
    }
  }

  template <class T> void count_sectors(T const* from, Lanes<index_t> const& i, int count, Lanes<bool> const& when)
  {
    for (int first = 0; first < threads_; first += 32) {
      std::set<std::uintptr_t> sectors, places;
      for (int t = first; t < first + 32; ++t)
        if (when.of[t]) {
          auto const begin = reinterpret_cast<std::uintptr_t>(from + i.of[t]);
          auto const size = at(count) * sizeof(T);
          if (begin % size != 0)
            report("an access that is not on its own boundary");
          places.insert(begin);
          for (auto s = begin / 32; s <= (begin + size - 1) / 32; ++s)
            sectors.insert(s);
        }
      sectors_ += static_cast<long>(sectors.size());
      least_sectors_ += static_cast<long>((places.size() * at(count) * sizeof(T) + 31) / 32);
    }
  }

  int threads_, most_passes_;
  std::vector<unsigned char> bytes_;
  std::vector<Cell> cells_;
  std::vector<std::string> faults_;
  index_t number_ = 0;
  int free_ = 0, epoch_ = 0, warp_epoch_ = 0;
  long sectors_ = 0, least_sectors_ = 0, products_ = 0;
};

} // namespace rossby::test
