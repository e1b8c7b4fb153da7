#include "ops/pieces.hpp"

namespace rossby::ops {

Pieces::Pieces(Exec const& exec, std::vector<index_t> const& begin, std::vector<index_t> const& end)
{
  std::vector<index_t> table, first{0};
  for (std::size_t s = 0; s < begin.size(); ++s) {
    for (index_t at = begin[s]; at < end[s]; at += elements)
      table.insert(table.end(), {static_cast<index_t>(s), at, math::min(at + elements, end[s])});
    first.push_back(static_cast<index_t>(table.size() / 3));
  }
  table_ = IndexList(exec, table);
  first_ = IndexList(exec, first);
}

void add_parts(char const* label, Exec const& exec, View<index_t const, 1> first, Array const& parts, Out sums)
{
  auto const part = parts.flat<double>(), sum = sums.flat<double>();
  Kokkos::parallel_for(
      label, teams(exec, static_cast<index_t>(sum.extent(0))), KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const s = team.league_rank(), begin = first(s);
        double const value = team_sum<double>(team, first(s + 1) - begin, [&](index_t i) { return part(begin + i); });
        Kokkos::single(Kokkos::PerTeam(team), [&] { sum(s) = value; });
      });
}

} // namespace rossby::ops
