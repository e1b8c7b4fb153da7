#pragma once
/// \file
/// Sums whose order follows from their length alone. Kokkos' reductions add up one partial sum per thread, so their
/// last bits change with the number of threads.

#include <rossby/core/array.hpp>

namespace rossby::ops {

constexpr index_t sum_block = 256; ///< terms that one work item adds up

inline index_t sum_blocks(index_t terms) { return terms <= sum_block ? 1 : (terms + sum_block - 1) / sum_block; }

/// sums[b] = the sum of term(i) over block b of [0, n).
template <class Term>
void block_sums(char const* label, Exec const& exec, index_t n, Term const& term, View<double, 1> sums)
{
  Kokkos::parallel_for(
      label, Range(exec, 0, sum_blocks(n)), KOKKOS_LAMBDA(index_t block) {
        index_t const begin = block * sum_block, end = math::min(n, begin + sum_block);
        double sum = 0;
        for (index_t i = begin; i < end; ++i)
          sum += term(i);
        sums(block) = sum;
      });
}

/// sum [1] (float64) = term(0) + ... + term(n - 1), where `term` is a KOKKOS_LAMBDA(index_t) that gives a double.
/// Nobody waits: the sum stays on the device.
template <class Term> void fixed_order_sum(char const* label, Exec const& exec, index_t n, Term const& term, Out sum)
{
  index_t count = sum_blocks(n);
  Array part = count == 1 ? sum : Array::empty(DType::float64, {count});
  block_sums(label, exec, n, term, part.flat<double>());
  while (count > 1) {
    index_t const next_count = sum_blocks(count);
    auto const terms = part.flat<double>();
    Array const next = next_count == 1 ? sum : Array::empty(DType::float64, {next_count});
    block_sums(
        label, exec, count, KOKKOS_LAMBDA(index_t i) { return terms(i); }, next.flat<double>());
    part = next;
    count = next_count;
  }
}

} // namespace rossby::ops
