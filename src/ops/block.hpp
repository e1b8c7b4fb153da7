#pragma once
/// \file
/// Private to src/ops. Blocks: the few kernels whose threads work on tiles together, with shared memory and tensor
/// cores. Such a kernel is a function template over the machine B that runs it, and is written for one thread. What a
/// thread holds is a lane value, `B::Lane<T>`: on a GPU a plain T (CudaBlock, below), in the tests the T of every
/// thread of the block, which walks through the kernel in lockstep and reports what a GPU would punish
/// (tests/support/block_emulator.hpp). So that one text serves both
/// - a branch of threads is a value: `b.select(condition, a, b)`, and accesses take a condition of their own (`when`);
///   loops and `if` are for what the whole block agrees on;
/// - arrays in registers are Registers, which only constants index: `unroll<N>([&](auto i) { r[i] ... })`;
/// - arithmetic on lane values is arithmetic; anything else is `b.apply(f, a, ...)`, f of each thread's values;
/// - memory is reached through b, N neighbouring elements at a time (4, 8 or 16 bytes): get and put for shared memory,
///   load and store for global.
/// The tile of sums that a warp holds is 16 rows by 8 columns a step, as `mma` leaves it: thread `lane` has columns
/// 2 (lane % 4) and the next of rows lane / 4 (elements 0 and 1) and lane / 4 + 8 (elements 2 and 3).

#include <rossby/core/bfloat16.hpp>
#include <rossby/core/kokkos_compat.hpp>

#include <cstdint>
#include <cstring>
#include <utility>

/// Functions of kernels over blocks: for the device where nvcc compiles, unless they are to be emulated.
#if defined(__CUDACC__) && !defined(ROSSBY_EMULATED_BLOCKS)
#define ROSSBY_BLOCK_FUNCTION __device__ inline
/// Before a loop that stays one: unrolled, it would ask for registers to load ahead into.
#define ROSSBY_BLOCK_LOOP _Pragma("unroll 1")
#else
#define ROSSBY_BLOCK_FUNCTION inline
#define ROSSBY_BLOCK_LOOP
#endif

namespace rossby::ops {

/// A number known when the kernel is compiled.
template <int I> struct Constant {
  static constexpr int value = I;
  KOKKOS_INLINE_FUNCTION constexpr operator int() const { return I; }
};

template <class F, int... I> ROSSBY_BLOCK_FUNCTION void unroll_over(F const& f, std::integer_sequence<int, I...>)
{
  (f(Constant<I>{}), ...);
}
/// f(Constant<0>), ..., f(Constant<N - 1>).
template <int N, class F> ROSSBY_BLOCK_FUNCTION void unroll(F const& f)
{
  unroll_over(f, std::make_integer_sequence<int, N>{});
}

/// An array in registers. An index that is not a constant does not compile: it would live in local memory.
template <class T, int N> class Registers {
public:
  template <int I> ROSSBY_BLOCK_FUNCTION T& operator[](Constant<I>) { return of<I>(); }
  template <int I> ROSSBY_BLOCK_FUNCTION T const& operator[](Constant<I>) const { return of<I>(); }
  template <int I> ROSSBY_BLOCK_FUNCTION T& of()
  {
    static_assert(I >= 0 && I < N);
    return value_[I];
  }
  template <int I> ROSSBY_BLOCK_FUNCTION T const& of() const
  {
    static_assert(I >= 0 && I < N);
    return value_[I];
  }

private:
  T value_[N];
};

#if defined(__CUDACC__) && !defined(ROSSBY_EMULATED_BLOCKS)
/// What one access moves. CUDA's own vectors: structs of as many words may be taken apart again.
template <int Bytes> struct Moved;
template <> struct Moved<4> {
  using type = unsigned;
};
template <> struct Moved<8> {
  using type = uint2;
};
template <> struct Moved<16> {
  using type = uint4;
};

/// A thread of a block of CUDA's.
class CudaBlock {
public:
  template <class T> using Lane = T;
  template <class T> using Shared = T*;

  __device__ explicit CudaBlock(unsigned char* shared) : free_(shared) {}
  __device__ index_t number() const { return blockIdx.x; }
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ void sync() const { __syncthreads(); }
  __device__ void sync_warp() const { __syncwarp(); }

  /// Room for `count` elements; the sum of all is asked for at the launch.
  template <class T> __device__ T* shared(int count)
  {
    T* const place = reinterpret_cast<T*>(free_);
    free_ += (count * static_cast<int>(sizeof(T)) + 15) / 16 * 16;
    return place;
  }

  template <class F, class... A> __device__ auto apply(F const& f, A... a) const { return f(a...); }
  template <class T> __device__ T select(bool condition, T a, T b) const { return condition ? a : b; }

  template <int N, class T> __device__ Registers<T, N> get(T const* from, int i) const { return moved<N>(from + i); }
  template <int N, class T> __device__ void put(T* to, int i, Registers<T, N> const& x, bool when = true) const
  {
    if (when)
      move<N>(x, to + i);
  }
  /// Zeros where it is not wanted.
  template <int N, class T> __device__ Registers<T, N> load(T const* from, index_t i, bool when = true) const
  {
    return when ? moved<N>(from + i) : Registers<T, N>{};
  }
  template <int N, class T> __device__ void store(T* to, index_t i, Registers<T, N> const& x, bool when = true) const
  {
    using Word = typename Moved<N * sizeof(T)>::type;
    Word words;
    std::memcpy(&words, &x, sizeof words);
    if (when)
      __stwb(reinterpret_cast<Word*>(to + i), words); // an assignment is taken apart in places
  }

  template <class T> __device__ T shuffle_xor(T x, int mask) const { return __shfl_xor_sync(0xffffffffu, x, mask); }

  /// N blocks of 8 by 8, whose rows begin at the places that threads 8 m to 8 m + 7 name for block m. A thread gets
  /// elements 2 (lane % 4) and the next of row lane / 4, of each block or of the turned block.
  template <int N, bool Turned> __device__ Registers<std::uint32_t, N> matrices(bfloat16 const* from, int i) const
  {
    static_assert(N == 2 || N == 4);
    auto const place = static_cast<unsigned>(__cvta_generic_to_shared(from + i));
    std::uint32_t r[4];
    if constexpr (N == 4 && Turned)
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                   : "r"(place)
                   : "memory");
    else if constexpr (N == 4)
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                   : "r"(place)
                   : "memory");
    else if constexpr (Turned)
      asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                   : "=r"(r[0]), "=r"(r[1])
                   : "r"(place)
                   : "memory");
    else
      asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                   : "=r"(r[0]), "=r"(r[1])
                   : "r"(place)
                   : "memory");
    Registers<std::uint32_t, N> result;
    unroll<N>([&](auto k) { result[k] = r[k.value]; });
    return result;
  }

  /// sum [16, 8] += a [16, 16] b [16, 8]; a as four blocks (upper left, lower left, upper right, lower right), b as two
  /// turned ones (upper, lower).
  __device__ void mma(Registers<float, 4>& sum, Registers<std::uint32_t, 4> const& a,
                      Registers<std::uint32_t, 2> const& b) const
  {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800 // older machines are not given these kernels
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum.of<0>()), "+f"(sum.of<1>()), "+f"(sum.of<2>()), "+f"(sum.of<3>())
        : "r"(a.of<0>()), "r"(a.of<1>()), "r"(a.of<2>()), "r"(a.of<3>()), "r"(b.of<0>()), "r"(b.of<1>()));
#endif
  }

private:
  template <int N, class T> __device__ static Registers<T, N> moved(T const* from)
  {
    auto const words = *reinterpret_cast<typename Moved<N * sizeof(T)>::type const*>(from);
    Registers<T, N> x;
    std::memcpy(&x, &words, sizeof words);
    return x;
  }
  template <int N, class T> __device__ static void move(Registers<T, N> const& x, T* to)
  {
    typename Moved<N * sizeof(T)>::type words;
    std::memcpy(&words, &x, sizeof words);
    *reinterpret_cast<typename Moved<N * sizeof(T)>::type*>(to) = words;
  }

  unsigned char* free_;
};
#endif

} // namespace rossby::ops
