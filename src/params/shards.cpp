#include "params/shards.hpp"

#include "params/flat_layout.hpp"
#include <rossby/ops/elementwise.hpp>

#include <numeric>

namespace rossby {

namespace {
using Places = decltype(IndexList().view());

/// to[to_place[s] + k] = from[from_place[s] + k] for k < length[s]: one team per run.
template <class T>
void move_runs(Exec const& exec, Places from_place, Places to_place, Places length, View<T, 1> from, View<T, 1> to)
{
  Kokkos::parallel_for(
      "rossby::params::move_runs", Team(exec, static_cast<int>(length.extent(0)), Kokkos::AUTO),
      KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const s = team.league_rank(), a = from_place(s), b = to_place(s);
        Kokkos::parallel_for(Kokkos::TeamThreadRange(team, length(s)), [&](index_t k) { to(b + k) = from(a + k); });
      });
}
} // namespace

UnitShares::UnitShares(Exec const& exec, Parameters& parameters, std::vector<int> numbers, Communicator const& copies)
    : parameters_(&parameters), copies_(copies), numbers_(std::move(numbers)),
      counts_(static_cast<std::size_t>(copies.size()), 0)
{
  auto const& layout = parameters.layout();
  for (int const i : numbers_)
    for (int r = 0; r < copies.size(); ++r)
      counts_[static_cast<std::size_t>(r)] += layout.padded(parameters.share(i, r).size());
  std::vector<index_t> by_rank(counts_.size(), 0); // where the next share of each rank begins
  for (std::size_t r = 1; r < counts_.size(); ++r)
    by_rank[r] = by_rank[r - 1] + counts_[r - 1];

  std::vector<index_t> ordered, gathered, length;
  index_t stored = layout.begin(numbers_.front());
  for (int const i : numbers_) {
    auto const& p = parameters[i];
    ROSSBY_EXPECT(layout.begin(i) == stored); // neighbours
    stored += layout.padded(p.part.size());
    shapes_.push_back(memory_shape(p.spec, p.block));
    index_t at = elements_;
    for (std::size_t r = 0; r < counts_.size(); ++r) {
      index_t const n = parameters.share(i, static_cast<int>(r)).size();
      if (n > 0) {
        ordered.push_back(at);
        gathered.push_back(by_rank[r]);
        length.push_back(n);
      }
      by_rank[r] += layout.padded(n);
      at += n;
    }
    elements_ += layout.padded(p.block.size());
  }
  ordered_ = IndexList(exec, ordered);
  gathered_ = IndexList(exec, gathered);
  length_ = IndexList(exec, length);
}

Array UnitShares::mine_in(Array const& flat) const
{
  return flat.slice(parameters_->layout().begin(numbers_.front()), {counts_[static_cast<std::size_t>(copies_.rank())]});
}

std::vector<Array> UnitShares::blocks_in(Array const& all) const
{
  std::vector<Array> list;
  index_t at = 0;
  for (auto const& shape : shapes_) {
    list.push_back(all.slice(at, shape));
    at += parameters_->layout().padded(list.back().size());
  }
  return list;
}

UnitShares::Gather UnitShares::start_gather(Exec const& exec) const
{
  Array const mine = mine_in(parameters_->values());
  index_t const all = std::accumulate(counts_.begin(), counts_.end(), index_t(0));
  Gather g{Array::empty(dtype(), {all}), {}};
  g.exchange = copies_.start_all_gather(exec, mine, g.by_rank, counts_);
  return g;
}

std::vector<Array> UnitShares::finish_gather(Exec const& exec, Gather& gather) const
{
  gather.exchange.wait();
  Array const blocks = Array::empty(dtype(), {elements_});
  dispatch_wide(dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    move_runs<T>(exec, gathered_.view(), ordered_.view(), length_.view(), gather.by_rank.flat<T>(), blocks.flat<T>());
  });
  gather.by_rank = Array();
  return blocks_in(blocks);
}

UnitShares::Sums UnitShares::start_sums(Exec const& exec, Array const& gradients) const
{
  index_t const all = std::accumulate(counts_.begin(), counts_.end(), index_t(0));
  Array const by_rank = Array::zeros(exec, dtype(), {all}); // between shares, too
  dispatch_wide(dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    move_runs<T>(exec, ordered_.view(), gathered_.view(), length_.view(), gradients.flat<T>(), by_rank.flat<T>());
  });
  Sums sums{Array::empty(dtype(), {counts_[static_cast<std::size_t>(copies_.rank())]}), {}};
  sums.exchange = copies_.start_reduce_scatter_sum(exec, by_rank, sums.mine, counts_);
  return sums;
}

void UnitShares::finish_sums(Exec const& exec, Sums& sums) const
{
  sums.exchange.wait();
  for (int const i : numbers_)
    (*parameters_)[i].var.grad_to_add_to(exec); // they have one from now on
  ops::add_scaled(exec, 1, sums.mine, mine_in(parameters_->gradients()));
}

ShardStore::ShardStore(Exec const& exec, Parameters& parameters)
    : units_(parameters.units().size()), under_way_(parameters.units().size())
{
  for (std::size_t u = 0; u < units_.size(); ++u) {
    std::vector<int> whole, cut;
    auto const& unit = parameters.units()[u];
    for (int i = unit.begin; i < unit.end; ++i)
      if (is_optimized(parameters[i].spec))
        (is_cut(parameters[i].spec) ? cut : whole).push_back(i);
    for (auto const& numbers : {whole, cut})
      if (!numbers.empty())
        units_[u].emplace_back(exec, parameters, numbers, parameters.copies(numbers.front()));
  }
}

void ShardStore::enter(Exec const& exec, int unit, UnitScope::Direction direction, std::vector<Var> const& blocks)
{
  auto const start = [&](int u) {
    if (u < 0 || u >= static_cast<int>(units_.size()))
      return;
    auto const n = static_cast<std::size_t>(u);
    if (under_way_[n].empty())
      for (auto const& shares : units_[n])
        under_way_[n].push_back(shares.start_gather(exec));
  };
  int const step = direction == UnitScope::Direction::forward ? 1 : -1;
  int next = unit + step; // units without parameters to gather are passed over
  while (next >= 0 && next < static_cast<int>(units_.size()) && units_[static_cast<std::size_t>(next)].empty())
    next += step;
  start(unit);
  start(next);
  gradients_.clear();
  auto const n = static_cast<std::size_t>(unit);
  for (std::size_t s = 0; s < units_[n].size(); ++s) {
    auto const& shares = units_[n][s];
    auto const block = [&](std::size_t k) -> Var const& {
      return blocks[static_cast<std::size_t>(shares.numbers()[k])];
    };
    auto const values = shares.finish_gather(exec, under_way_[n][s]);
    for (std::size_t k = 0; k < values.size(); ++k)
      block(k).set_value(values[k]);
    if (direction == UnitScope::Direction::backward) {
      gradients_.push_back(shares.room_for_gradients(exec));
      auto const places = shares.blocks_in(gradients_.back());
      for (std::size_t k = 0; k < places.size(); ++k)
        block(k).keep_grad_in(exec, places[k]);
    }
  }
  under_way_[n].clear();
}

void ShardStore::leave(int unit, std::vector<Var> const& blocks) const
{
  for (auto const& shares : units_[static_cast<std::size_t>(unit)])
    for (int const i : shares.numbers())
      blocks[static_cast<std::size_t>(i)].set_value(Array());
}

void ShardStore::start_sums(Exec const& exec, int unit, std::vector<Var> const& blocks)
{
  finish_sums(exec);
  summed_ = static_cast<std::size_t>(unit);
  for (std::size_t s = 0; s < units_[summed_].size(); ++s) {
    auto const& shares = units_[summed_][s];
    for (int const i : shares.numbers()) {
      Var const& block = blocks[static_cast<std::size_t>(i)];
      block.drop_grad();
      block.keep_grad_in(exec, Array());
    }
    sums_.push_back(shares.start_sums(exec, gradients_[s]));
  }
  gradients_.clear();
}

void ShardStore::finish_pass(Exec const& exec)
{
  finish_sums(exec);
  drop_gathers(); // an optimizer step changes what they read
}

void ShardStore::drop_gathers()
{
  for (auto& gathers : under_way_) {
    for (auto& gather : gathers)
      gather.exchange.wait();
    gathers.clear();
  }
}

void ShardStore::finish_sums(Exec const& exec)
{
  for (std::size_t s = 0; s < sums_.size(); ++s)
    units_[summed_][s].finish_sums(exec, sums_[s]);
  sums_.clear();
}

} // namespace rossby
