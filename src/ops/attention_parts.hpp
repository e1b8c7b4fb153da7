#pragma once
/// \file
/// What the kernels of window attention share: one team per window (or chunk of windows) and head.

#include "ops/fast_math.hpp"
#include <rossby/ops/elementwise.hpp>

#include <type_traits>

namespace rossby::ops {

struct Sizes {
  index_t windows, tokens, heads, width; ///< width: channels of a head
  KOKKOS_INLINE_FUNCTION index_t inner() const { return heads * width; }
};

template <class T>
using Scratch =
    Kokkos::View<T**, Kokkos::LayoutRight, Exec::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

struct Drop {
  bool active;
  KeepMask mask;
  Kokkos::View<index_t const*, Kokkos::LayoutRight, Device, Kokkos::MemoryTraits<Kokkos::Unmanaged>> numbers;
  index_t total, first_sample;
  index_t first_head, all_heads;

  /// Global number of a local window of the batch.
  KOKKOS_INLINE_FUNCTION index_t number(index_t window) const
  {
    index_t const n = static_cast<index_t>(numbers.extent(0));
    return (first_sample + window / n) * total + numbers(window % n);
  }
};

template <class Attention> Drop drop_of(Attention const& a)
{
  return {a.dropout > 0,
          KeepMask(a.key, a.dropout),
          a.windows.numbers.view(),
          a.windows.total,
          a.windows.first_sample,
          a.first_head,
          a.all_heads > 0 ? a.all_heads : a.heads};
}

using Seams = Kokkos::View<index_t const*, Kokkos::LayoutRight, Device, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// Which tokens of a window come from which side of the grid.
struct Sides {
  index_t columns, first_row, first_column; ///< of the window; from which token on the other side begins
  Seams seams;

  KOKKOS_INLINE_FUNCTION index_t seam(index_t window) const
  {
    index_t const n = static_cast<index_t>(seams.extent(0));
    return n > 0 ? seams(window % n) : 0;
  }
  KOKKOS_INLINE_FUNCTION index_t operator()(index_t seam, index_t token) const
  {
    index_t const south = (seam & 1) != 0 && token / columns >= first_row ? 1 : 0;
    index_t const east = (seam & 2) != 0 && token % columns >= first_column ? 2 : 0;
    return south + east;
  }
};

inline constexpr double least_length = 1e-12;
inline constexpr double masked = -100;

/// exp(min(logit, ln 100)).
template <class W> KOKKOS_INLINE_FUNCTION W scale_of(W logit)
{
  return math::exp(math::min(logit, W(4.605170185988092)));
}

/// to[e][token] = from[token][e] for one head's channels.
template <class T>
KOKKOS_INLINE_FUNCTION void turn(TeamMember const& team, T const* from, index_t stride, Sizes const& n,
                                 Scratch<wide_t<T>> const& to)
{
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t t) {
    for (index_t e = 0; e < n.width; ++e)
      to(e, t) = from[t * stride + e];
  });
}

/// row = softmax of row.
template <class W> KOKKOS_INLINE_FUNCTION void softmax(index_t tokens, W* row)
{
  W largest = row[0];
  for (index_t q = 1; q < tokens; ++q)
    largest = math::max(largest, row[q]);
  W sum = 0;
  for (index_t q = 0; q < tokens; ++q) {
    row[q] = fast_exp(row[q] - largest);
    sum += row[q];
  }
  W const inverse = W(1) / sum;
  for (index_t q = 0; q < tokens; ++q)
    row[q] *= inverse;
}

/// row[q] *= the factors of dropout for query p of a window's and head's map.
template <class T>
KOKKOS_INLINE_FUNCTION void drop_row(Drop const& d, Sizes const& n, index_t window, index_t head, index_t p, T* row)
{
  auto const number = static_cast<std::uint64_t>((d.number(window) * d.all_heads + d.first_head + head) * n.tokens + p);
  d.mask.for_each_in_row(number, n.tokens, 0, n.tokens,
                         [&](index_t q, double factor) { row[q] *= static_cast<T>(factor); });
}

/// Where the sums over a row of a result are made: the row itself, or room in scratch if it is of a narrower type.
template <class T> KOKKOS_INLINE_FUNCTION wide_t<T>* sums_of(T* row, wide_t<T>* room)
{
  if constexpr (std::is_same<T, wide_t<T>>::value)
    return row;
  else
    return room;
}

template <class T> KOKKOS_INLINE_FUNCTION void store_sums(wide_t<T> const* sums, index_t width, T* row)
{
  if constexpr (!std::is_same<T, wide_t<T>>::value)
    for (index_t e = 0; e < width; ++e)
      row[e] = T(sums[e]);
}

/// Channels of room that sums need: none where they are made in place.
template <class T> index_t room_width(Sizes const& n) { return std::is_same<T, wide_t<T>>::value ? 0 : n.width; }

/// The gradient of query p's scores, from that of its result: `row` is its row of the map, and becomes what the values
/// saw (dropout); `up` the gradient of its result; `table` the row of the bias, whose gradient is added to.
template <class T>
KOKKOS_INLINE_FUNCTION void scores_adjoint(T const* up, Scratch<wide_t<T>> const& values, Drop const& drop,
                                           Sizes const& n, index_t window, index_t head, index_t p, wide_t<T>* row,
                                           wide_t<T>* ds, wide_t<T>* table)
{
  using W = wide_t<T>;
  for (index_t q = 0; q < n.tokens; ++q)
    ds[q] = 0;
  for (index_t e = 0; e < n.width; ++e) {
    W const a = up[e];
    W const* v = &values(e, 0);
    for (index_t q = 0; q < n.tokens; ++q)
      ds[q] += a * v[q];
  }
  if (drop.active)
    drop_row<W>(drop, n, window, head, p, ds);
  W mean = 0;
  for (index_t q = 0; q < n.tokens; ++q)
    mean += row[q] * ds[q];
  for (index_t q = 0; q < n.tokens; ++q) {
    ds[q] = row[q] * (ds[q] - mean);
    table[q] += ds[q];
  }
  if (drop.active)
    drop_row<W>(drop, n, window, head, p, row);
}

} // namespace rossby::ops
