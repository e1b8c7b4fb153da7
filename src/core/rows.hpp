#pragma once
/// \file
/// Rows: kernels whose unit of work is a cell with its channels. A kernel says what happens to one row, with each(),
/// sum() and sums(); how its channels are walked is the machine's business.
///
/// On hosts a row is one work item and its channels are a plain loop, which compilers vectorise. On devices they are
/// dealt to the lanes of a thread, 16 bytes a lane where a row's length and place allow it, so that neighbouring lanes
/// touch neighbouring bytes; several rows make a team. There a sum over a row is made lane by lane and joined in a tree
/// that the row's length fixes. docs/performance.md follows one kernel from the loop to the device.

#include <rossby/core/dtype.hpp>
#include <rossby/core/kokkos_compat.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace rossby {

/// Elements that a kernel writes without having read them.
template <class T> struct Into {
  T* data;
};
template <class T> KOKKOS_INLINE_FUNCTION Into<T> into(T* data) { return {data}; }
/// Elements that a kernel reads and writes. (Behind plain pointers it only reads.)
template <class T> struct Onto {
  T* data;
};
template <class T> KOKKOS_INLINE_FUNCTION Onto<T> onto(T* data) { return {data}; }

namespace rows {

template <class T> KOKKOS_INLINE_FUNCTION T const* start_of(T const* p) { return p; }
template <class T> KOKKOS_INLINE_FUNCTION T* start_of(Into<T> p) { return p.data; }
template <class T> KOKKOS_INLINE_FUNCTION T* start_of(Onto<T> p) { return p.data; }

/// What an argument of a kernel's points to: const where it is only read.
template <class P> using Element = std::remove_pointer_t<decltype(start_of(std::declval<P>()))>;
template <class P> inline constexpr bool is_read = true;
template <class T> inline constexpr bool is_read<Into<T>> = false;

/// term(0) + ... + term(n - 1) in T, in several sums side by side, so that it vectorises without reassociating a plain
/// loop behind the reader's back. The order is fixed by the length alone.
template <class T, class Term> KOKKOS_INLINE_FUNCTION T side_by_side(index_t n, Term const& term)
{
  constexpr int sums = 16;
  T part[sums] = {};
  index_t i = 0;
  for (; i + sums <= n; i += sums)
    for (int l = 0; l < sums; ++l)
      part[l] += term(i + l);
  T sum = 0;
  for (; i < n; ++i)
    sum += term(i);
  for (int l = 0; l < sums; ++l)
    sum += part[l];
  return sum;
}

/// 16 bytes, which devices read and write by one instruction. (Not said on hosts, where g++ 12 merges the paths for
/// aligned and other places into the former.)
struct __attribute__((may_alias, aligned(host_accessible ? 4 : 16))) Words {
  std::uint32_t word[4];
};
template <class T> KOKKOS_INLINE_FUNCTION bool is_aligned(T const* p)
{
  return reinterpret_cast<std::uintptr_t>(p) % sizeof(Words) == 0;
}

/// `Width` neighbouring elements in registers, moved in words where they lie on their boundaries.
template <class T, int Width> struct Pack {
  static constexpr bool fills_words = Width * sizeof(T) % sizeof(Words) == 0;
  T value[Width];

  KOKKOS_INLINE_FUNCTION void load(T const* from, bool aligned)
  {
    if constexpr (fills_words)
      if (aligned) {
        Words words[Width * sizeof(T) / sizeof(Words)];
        for (std::size_t k = 0; k < Width * sizeof(T) / sizeof(Words); ++k)
          words[k] = reinterpret_cast<Words const*>(from)[k];
        std::memcpy(value, words, sizeof value);
        return;
      }
    for (int l = 0; l < Width; ++l)
      value[l] = from[l];
  }
  KOKKOS_INLINE_FUNCTION void store(T* to, bool aligned) const
  {
    if constexpr (fills_words)
      if (aligned) {
        Words words[Width * sizeof(T) / sizeof(Words)];
        std::memcpy(words, value, sizeof value);
        for (std::size_t k = 0; k < Width * sizeof(T) / sizeof(Words); ++k)
          reinterpret_cast<Words*>(to)[k] = words[k];
        return;
      }
    for (int l = 0; l < Width; ++l)
      to[l] = value[l];
  }
};

/// A pack of what a kernel was given, and its way back to memory.
template <class P, int Width> struct Held {
  using T = std::remove_const_t<Element<P>>;
  Element<P>* place;
  Pack<T, Width> pack;

  KOKKOS_INLINE_FUNCTION Held(P const& p, index_t first) : place(start_of(p) + first)
  {
    if constexpr (is_read<P>)
      pack.load(place, true);
  }
  KOKKOS_INLINE_FUNCTION void put_back() const
  {
    if constexpr (!std::is_const<Element<P>>::value)
      pack.store(place, true);
  }
};

/// Elements that fill 16 bytes of the narrowest type.
template <class... P>
inline constexpr int width_of = static_cast<int>(sizeof(Words) / std::min({sizeof(Element<P>)...}));

} // namespace rows

/// What the rows of all machines have, by their each().
template <class R> class AnyRow {
public:
  KOKKOS_INLINE_FUNCTION explicit AnyRow(index_t number) : number_(number) {}
  KOKKOS_INLINE_FUNCTION index_t number() const { return number_; }
  /// to[c] = from[c], in the type of `to`.
  template <class To, class From> KOKKOS_INLINE_FUNCTION void copy(index_t n, To* to, From const* from) const
  {
    static_cast<R const&>(*this).each(
        n, [](To& a, From b) { a = To(b); }, into(to), from);
  }
  template <class T> KOKKOS_INLINE_FUNCTION void fill(index_t n, T* to, T value) const
  {
    static_cast<R const&>(*this).each(
        n, [&](T& a) { a = value; }, into(to));
  }

private:
  index_t number_;
};

/// A row on a host.
class HostRow : public AnyRow<HostRow> {
public:
  using AnyRow::AnyRow;

  /// f(c) for all channels c of n.
  template <class F> KOKKOS_INLINE_FUNCTION void each(index_t n, F const& f) const
  {
    for (index_t c = 0; c < n; ++c)
      f(c);
  }
  /// f(a[c], b[c], ...) for all channels c of n, where a, b, ... are pointers, into(pointer) or onto(pointer).
  template <class F, class A, class... P>
  KOKKOS_INLINE_FUNCTION void each(index_t n, F const& f, A const& a, P const&... p) const
  {
    for (index_t c = 0; c < n; ++c)
      f(rows::start_of(a)[c], rows::start_of(p)[c]...);
  }
  /// The sum of term(a[c], b[c], ...) over n channels.
  template <class W, class Term, class... P>
  KOKKOS_INLINE_FUNCTION W sum(index_t n, Term const& term, P const*... p) const
  {
    return rows::side_by_side<W>(n, [&](index_t c) { return term(p[c]...); });
  }
  /// Sums over rows, channel by channel: `terms(add)` calls add(row) or add(row, factor) in the order of the terms, and
  /// may do so again for other channels. They are made in W, from zero where `to` is into(pointer), from what is there
  /// where it is onto(pointer), and rounded once.
  template <class W, class To, class Terms>
  KOKKOS_INLINE_FUNCTION void sums(index_t n, To const& to, Terms const& terms) const
  {
    if constexpr (rows::is_read<To> && std::is_same<rows::Element<To>, W>::value)
      return terms(Adder<W*>{0, n, rows::start_of(to)}); // nothing is rounded: added where it is
    index_t c = 0;
    for (; c + 32 <= n; c += 32)
      run<W, 32>(c, 32, to, terms);
    if (c + 16 <= n) {
      run<W, 16>(c, 16, to, terms);
      c += 16;
    }
    if (c < n)
      run<W, 16>(c, n - c, to, terms);
  }

private:
  template <class Totals> struct Adder {
    index_t first, count;
    Totals total;

    template <class T> KOKKOS_INLINE_FUNCTION void operator()(T const* row) const
    {
      for (index_t c = 0; c < count; ++c)
        total[c] += row[first + c];
    }
    template <class T, class W> KOKKOS_INLINE_FUNCTION void operator()(T const* row, W factor) const
    {
      for (index_t c = 0; c < count; ++c)
        total[c] += factor * row[first + c];
    }
  };
  template <class W, int Most, class To, class Terms>
  KOKKOS_INLINE_FUNCTION static void run(index_t first, index_t count, To const& to, Terms const& terms)
  {
    using T = rows::Element<To>;
    T* const place = rows::start_of(to) + first;
    W total[Most] = {};
    if (rows::is_read<To>)
      for (index_t c = 0; c < count; ++c)
        total[c] = W(place[c]);
    terms(Adder<W(&)[Most]>{first, count, total});
    for (index_t c = 0; c < count; ++c)
      place[c] = T(total[c]);
  }
};

/// A row on a device: the same, by the lanes of one thread of a team.
class TeamRow : public AnyRow<TeamRow> {
public:
  KOKKOS_INLINE_FUNCTION TeamRow(TeamMember const& team, index_t number) : AnyRow(number), team_(team) {}

  template <class F> KOKKOS_INLINE_FUNCTION void each(index_t n, F const& f) const
  {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(team_, static_cast<int>(n)), [&](int c) { f(index_t(c)); });
  }
  template <class F, class A, class... P>
  KOKKOS_INLINE_FUNCTION void each(index_t n, F const& f, A const& a, P const&... p) const
  {
    constexpr int width = rows::width_of<A, P...>;
    if (n % width == 0 && rows::is_aligned(rows::start_of(a)) && (rows::is_aligned(rows::start_of(p)) && ...))
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(team_, static_cast<int>(n / width)), [&](int k) {
        on_packs<width>(f, rows::Held<A, width>(a, k * width), rows::Held<P, width>(p, k * width)...);
      });
    else
      each(n, [&](index_t c) { f(rows::start_of(a)[c], rows::start_of(p)[c]...); });
  }
  template <class W, class Term, class... P>
  KOKKOS_INLINE_FUNCTION W sum(index_t n, Term const& term, P const*... p) const
  {
    constexpr int width = rows::width_of<P const*...>;
    W total = 0;
    if (n % width == 0 && (rows::is_aligned(p) && ...))
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(team_, static_cast<int>(n / width)),
          [&](int k, W& sum) { add_packs<width>(sum, term, rows::Held<P const*, width>(p, k * width)...); }, total);
    else
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(team_, static_cast<int>(n)), [&](int c, W& sum) { sum += term(p[c]...); }, total);
    return total;
  }
  template <class W, class To, class Terms>
  KOKKOS_INLINE_FUNCTION void sums(index_t n, To const& to, Terms const& terms) const
  {
    constexpr int width = rows::width_of<To>;
    if (n % width == 0)
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(team_, static_cast<int>(n / width)),
                           [&](int k) { run<W, width>(k * width, to, terms); });
    else
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(team_, static_cast<int>(n)),
                           [&](int c) { run<W, 1>(c, to, terms); });
  }

private:
  template <int Width, class F, class... P> KOKKOS_INLINE_FUNCTION static void on_packs(F const& f, P... held)
  {
    for (int l = 0; l < Width; ++l)
      f(held.pack.value[l]...);
    (held.put_back(), ...);
  }
  template <int Width, class W, class Term, class... P>
  KOKKOS_INLINE_FUNCTION static void add_packs(W& sum, Term const& term, P const&... held)
  {
    for (int l = 0; l < Width; ++l)
      sum += term(held.pack.value[l]...);
  }
  template <class W, int Width> struct Adder {
    index_t first;
    W (&total)[Width];

    template <class T> KOKKOS_INLINE_FUNCTION void operator()(T const* row) const { (*this)(row, W(1)); }
    template <class T> KOKKOS_INLINE_FUNCTION void operator()(T const* row, W factor) const
    {
      rows::Pack<T, Width> pack;
      pack.load(row + first, rows::is_aligned(row + first));
      for (int l = 0; l < Width; ++l)
        total[l] += factor * pack.value[l];
    }
  };
  template <class W, int Width, class To, class Terms>
  KOKKOS_INLINE_FUNCTION static void run(index_t first, To const& to, Terms const& terms)
  {
    using T = rows::Element<To>;
    T* const place = rows::start_of(to) + first;
    bool const whole = Width > 1 && rows::is_aligned(place);
    rows::Pack<T, Width> pack{};
    if constexpr (rows::is_read<To>)
      pack.load(place, whole);
    W total[Width];
    for (int l = 0; l < Width; ++l)
      total[l] = W(pack.value[l]);
    terms(Adder<W, Width>{first, total});
    for (int l = 0; l < Width; ++l)
      pack.value[l] = T(total[l]);
    pack.store(place, whole);
  }

  TeamMember const& team_;
};

/// What kernels are written for.
using Row = std::conditional_t<rows_on_lanes, TeamRow, HostRow>;

namespace rows {
template <class Kernel> struct OneByOne {
  Kernel kernel;
  KOKKOS_INLINE_FUNCTION void operator()(index_t i) const { kernel(HostRow(i)); }
};
template <class Kernel> struct OnLanes {
  Kernel kernel;
  index_t count;
  KOKKOS_INLINE_FUNCTION void operator()(TeamMember const& team) const
  {
    index_t const i = static_cast<index_t>(team.league_rank()) * team.team_size() + team.team_rank();
    if (i < count)
      kernel(TeamRow(team, i));
  }
};
} // namespace rows

/// kernel(row) for rows [0, count), where `kernel` is a KOKKOS_LAMBDA(Row const&) that walks about `channels` channels.
template <class Kernel>
void for_rows(char const* label, Exec const& exec, index_t count, index_t channels, Kernel const& kernel)
{
  if constexpr (rows_on_lanes) {
    constexpr index_t threads = 128; // of a team on a device
    int lanes = 1;
    while (lanes < 32 && lanes * 4 < channels)
      lanes *= 2;
    lanes = std::min(lanes, Team::vector_length_max());
    int const each = host_accessible ? 1 : static_cast<int>(threads / lanes);
    if (count > 0)
      Kokkos::parallel_for(label, Team(exec, static_cast<int>((count + each - 1) / each), each, lanes),
                           rows::OnLanes<Kernel>{kernel, count});
  } else {
    Kokkos::parallel_for(label, Range(exec, 0, count), rows::OneByOne<Kernel>{kernel});
  }
}

} // namespace rossby
