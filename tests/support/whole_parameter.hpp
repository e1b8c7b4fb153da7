#pragma once
/// \file
/// Whole parameters for comparisons; the library itself never needs one.

#include <rossby/params/parameters.hpp>

#include <vector>

namespace rossby::test {

/// Parameter `i`, or something shaped like it, in file order on every rank, from the parts that the ranks hold.
/// Collective over `parts(i)`.
inline std::vector<double> whole_in_file_order(Exec const& exec, Parameters const& parameters, int i, Array const& part)
{
  auto const& p = parameters[i];
  std::vector<double> file(static_cast<std::size_t>(product(p.spec.shape)), 0);
  auto const values = part.to_host(exec);
  auto const positions = file_positions(p.spec, p.part);
  for (std::size_t e = 0; e < values.size(); ++e)
    file[static_cast<std::size_t>(positions[e])] = values[e];
  parameters.parts(i).all_reduce_sum(file.data(), file.size());
  return file;
}

} // namespace rossby::test
