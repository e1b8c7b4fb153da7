#pragma once
/// \file
/// One launch for many slices of a flat array, long and short: they are cut into pieces, and a team takes a piece.
/// Threads of a team are on neighbouring elements; on hosts a team is one thread, and its loop a plain one.

#include "core/rows.hpp"
#include <rossby/core/array.hpp>

namespace rossby::ops {

/// Some elements of a slice: [begin, end) of the flat array.
struct Piece {
  index_t slice, begin, end;
};

/// A table of pieces on the device.
class Pieces {
public:
  static constexpr index_t elements = 4096; ///< of a piece, at most

  Pieces() = default;
  /// Slice s has the elements [begin[s], end[s]).
  Pieces(Exec const&, std::vector<index_t> const& begin, std::vector<index_t> const& end);

  index_t size() const { return table_.size() / 3; }
  index_t slices() const { return math::max(index_t(1), first_.size()) - 1; }
  /// Slice, begin and end of each.
  View<index_t const, 1> table() const { return table_.view(); }
  /// The first piece of each slice, and how many there are.
  View<index_t const, 1> first() const { return first_.view(); }

private:
  IndexList table_, first_;
};

/// `count` teams.
inline Team teams(Exec const& exec, index_t count)
{
  int const league = static_cast<int>(count);
  return host_accessible ? Team(exec, league, 1) : Team(exec, league, Kokkos::AUTO, 32);
}

/// f(team, piece) for each of them.
template <class F> void for_each_piece(char const* label, Exec const& exec, Pieces const& pieces, F const& f)
{
  auto const table = pieces.table();
  Kokkos::parallel_for(
      label, teams(exec, pieces.size()), KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const* piece = &table(3 * team.league_rank());
        f(team, Piece{piece[0], piece[1], piece[2]});
      });
}

/// f(i) for i in [begin, end), by all threads of a team.
template <class F>
KOKKOS_INLINE_FUNCTION void each_of_team(TeamMember const& team, index_t begin, index_t end, F const& f)
{
  Kokkos::parallel_for(Kokkos::TeamVectorRange(team, begin, end), f);
}

/// term(0) + ... + term(n - 1) by those whom `range` says, each of whom gets it: Kokkos::TeamVectorRange(team, n) or
/// Kokkos::ThreadVectorRange(team, n).
template <class T, class Range, class Term>
KOKKOS_INLINE_FUNCTION T sum_over(Range const& range, index_t n, Term const& term)
{
  if (host_accessible)
    return rows::side_by_side<T>(n, term);
  T sum = 0;
  Kokkos::parallel_reduce(
      range, [&](index_t i, T& mine) { mine += term(i); }, sum);
  return sum;
}
template <class T, class Term> KOKKOS_INLINE_FUNCTION T team_sum(TeamMember const& team, index_t n, Term const& term)
{
  return sum_over<T>(Kokkos::TeamVectorRange(team, n), n, term);
}

/// sums[s] = the sum of parts [first(s), first(s + 1)), of which there is one for each piece, in float64.
void add_parts(char const* label, Exec const&, View<index_t const, 1> first, Array const& parts, Out sums);

/// sums[s] = the sum of term(i) over the elements of slice s, in float64: pieces first, then the pieces of a slice. The
/// order follows from the pieces alone.
template <class Term>
void slice_sums(char const* label, Exec const& exec, Pieces const& pieces, Term const& term, Out sums)
{
  Array const parts = Array::empty(DType::float64, {pieces.size()});
  auto const part = parts.flat<double>();
  for_each_piece(
      label, exec, pieces, KOKKOS_LAMBDA(TeamMember const& team, Piece const& piece) {
        double const value =
            team_sum<double>(team, piece.end - piece.begin, [&](index_t i) { return term(piece.begin + i); });
        Kokkos::single(Kokkos::PerTeam(team), [&] { part(team.league_rank()) = value; });
      });
  add_parts(label, exec, pieces.first(), parts, sums);
}

} // namespace rossby::ops
