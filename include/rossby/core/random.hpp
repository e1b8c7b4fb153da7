#pragma once
/// \file
/// Random numbers with coordinates: every number is a pure function of (seed, stream, global index), so all meshes,
/// restarts and recomputations see the same ones.

#include <rossby/core/kokkos_compat.hpp>

#include <cstdint>
#include <string>

namespace rossby {

/// Philox 4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
struct Philox {
  struct Draws {
    std::uint32_t w[4];
  };

  KOKKOS_INLINE_FUNCTION static Draws draws(std::uint64_t key, std::uint64_t stream, std::uint64_t counter)
  {
    std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      std::uint64_t const p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
      std::uint32_t const n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0, n1 = static_cast<std::uint32_t>(p1);
      std::uint32_t const n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1, n3 = static_cast<std::uint32_t>(p0);
      c0 = n0, c1 = n1, c2 = n2, c3 = n3;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
  }

  /// Uniform on [0, 1), 53 bits.
  KOKKOS_INLINE_FUNCTION static double uniform(std::uint64_t key, std::uint64_t stream, std::uint64_t index)
  {
    Draws const b = draws(key, stream, index);
    std::uint64_t const bits = (static_cast<std::uint64_t>(b.w[0]) << 32) | b.w[1];
    return static_cast<double>(bits >> 11) * (1.0 / 9007199254740992.0);
  }

  /// Standard normal, by Box and Muller.
  KOKKOS_INLINE_FUNCTION static double normal(std::uint64_t key, std::uint64_t stream, std::uint64_t index)
  {
    Draws const b = draws(key, stream, index);
    double const u =
        (static_cast<double>((static_cast<std::uint64_t>(b.w[0]) << 21) ^ (b.w[1] >> 11)) + 0.5) / 9007199254740992.0;
    double const v =
        (static_cast<double>((static_cast<std::uint64_t>(b.w[2]) << 21) ^ (b.w[3] >> 11)) + 0.5) / 9007199254740992.0;
    return math::sqrt(-2 * math::log(u)) * math::cos(6.283185307179586 * v);
  }
};

/// A stream number from a name (FNV-1a), so that a parameter's numbers do not depend on construction order.
std::uint64_t stream_of(std::string const& name);

} // namespace rossby
