#include "dist/global_sum.hpp"

namespace rossby {

namespace {
constexpr index_t block_cells = 256; ///< that one work item adds up

/// A sum and the round-off that it has left.
struct Carried {
  double sum = 0, rest = 0;
  KOKKOS_INLINE_FUNCTION void add(double x)
  {
    double const s = sum + x, part = s - sum;
    rest += (sum - (s - part)) + (x - part);
    sum = s;
  }
};
} // namespace

std::vector<double> global_sum(Exec const& exec, Communicator const& group, Array const& terms)
{
  ROSSBY_EXPECT(terms.rank() == 3 && terms.dtype() == DType::float64);
  index_t const batch = terms.extent(0), cells = terms.extent(1), count = terms.extent(2);
  index_t const blocks = math::max<index_t>(1, (cells + block_cells - 1) / block_cells);
  Array const partial = Array::empty(DType::float64, {blocks, batch * count, 2});
  View<double const, 3> const t = terms.view<double, 3>();
  auto const out = partial.view<double, 3>();
  Kokkos::parallel_for(
      "rossby::dist::global_sum", Range(exec, 0, blocks * batch * count), KOKKOS_LAMBDA(index_t i) {
        index_t const k = i % count, b = i / count % batch, block = i / count / batch;
        index_t const begin = block * block_cells, end = math::min(cells, begin + block_cells);
        Carried carried;
        for (index_t cell = begin; cell < end; ++cell)
          carried.add(t(b, cell, k));
        out(block, b * count + k, 0) = carried.sum;
        out(block, b * count + k, 1) = carried.rest;
      });
  std::size_t const n = static_cast<std::size_t>(batch * count);
  auto const fold = [n](std::vector<double> const& parts) {
    std::vector<Carried> total(n);
    for (std::size_t i = 0; i < parts.size() / 2; ++i) {
      total[i % n].add(parts[2 * i]);
      total[i % n].rest += parts[2 * i + 1];
    }
    return total;
  };
  std::vector<double> mine;
  for (auto const& c : fold(partial.to_host(exec)))
    mine.insert(mine.end(), {c.sum, c.rest});
  std::vector<double> result;
  for (auto const& c : fold(group.all_gather(mine)))
    result.push_back(c.sum + c.rest);
  return result;
}

} // namespace rossby
