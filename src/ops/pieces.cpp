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

} // namespace rossby::ops
