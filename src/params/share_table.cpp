#include "params/share_table.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

namespace rossby {

namespace {
/// Arrays of a parameter's size that its holder keeps: values, and if it is optimized a gradient and two moments.
index_t arrays_kept(ParameterSpec const& spec) { return is_optimized(spec) ? 4 : 1; }
} // namespace

ShareTable::ShareTable(std::vector<Parameter> const& parameters, int member, int tensor, int ranks)
    : first_rows_(parameters.size())
{
  auto const bytes_of_row = [&](std::size_t i) { return blocks_[i].columns.size() * arrays_kept(parameters[i].spec); };
  std::vector<std::size_t> order; // of dealing
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    blocks_.push_back(tensor_block(parameters[i].spec, member, tensor));
    if (parameters[i].spec.trainable)
      order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return bytes_of_row(a) > bytes_of_row(b); });

  using Load = std::pair<index_t, int>;   // bytes, holder: the one with least is on top, of equals the first
  std::map<int, std::vector<Load>> loads; // by the number of holders
  for (std::size_t const i : order) {
    int const holders = is_cut(parameters[i].spec) ? ranks / tensor : ranks;
    auto& load = loads[holders];
    for (auto h = static_cast<int>(load.size()); h < holders; ++h)
      load.push_back({0, h});
    auto& first = first_rows_[i];
    first.assign(static_cast<std::size_t>(holders) + 1, 0);
    for (index_t row = 0; row < blocks_[i].row_count(); ++row) {
      std::pop_heap(load.begin(), load.end(), std::greater<>());
      load.back().first += bytes_of_row(i);
      ++first[static_cast<std::size_t>(load.back().second) + 1];
      std::push_heap(load.begin(), load.end(), std::greater<>());
    }
    std::partial_sum(first.begin(), first.end(), first.begin());
  }
}

Part ShareTable::share(int parameter, int holder) const
{
  auto const i = static_cast<std::size_t>(parameter), h = static_cast<std::size_t>(holder);
  auto const& first = first_rows_[i];
  return first.empty() ? blocks_[i] : some_rows(blocks_[i], {first[h], first[h + 1]});
}

} // namespace rossby
