#include <rossby/params/shards.hpp>

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
  for (int const i : numbers_)
    for (int r = 0; r < copies.size(); ++r)
      counts_[static_cast<std::size_t>(r)] += parameters.share(i, r).size();
  std::vector<index_t> by_rank(counts_.size(), 0); // where the next share of each rank begins
  for (std::size_t r = 1; r < counts_.size(); ++r)
    by_rank[r] = by_rank[r - 1] + counts_[r - 1];

  mine_ = Array::empty(parameters.dtype(), {counts_[static_cast<std::size_t>(copies.rank())]});
  index_t at = 0;
  std::vector<index_t> ordered, gathered, length;
  for (int const i : numbers_) {
    auto& p = parameters[i];
    Array const share = mine_.slice(at, p.value().shape());
    share.copy_from(exec, p.value());
    p.var.set_value(share);
    at += share.size();
    shapes_.push_back(memory_shape(p.spec, p.block));
    for (std::size_t r = 0; r < counts_.size(); ++r) {
      index_t const n = parameters.share(i, static_cast<int>(r)).size();
      if (n > 0) {
        ordered.push_back(elements_);
        gathered.push_back(by_rank[r]);
        length.push_back(n);
      }
      by_rank[r] += n;
      elements_ += n;
    }
  }
  ordered_ = IndexList(exec, ordered);
  gathered_ = IndexList(exec, gathered);
  length_ = IndexList(exec, length);
}

UnitShares::Gather UnitShares::start_gather(Exec const& exec) const
{
  Gather g{Array::empty(mine_.dtype(), {elements_}), {}};
  g.exchange = copies_.start_all_gather(exec, mine_, g.by_rank, counts_);
  return g;
}

std::vector<Array> UnitShares::finish_gather(Exec const& exec, Gather& gather) const
{
  gather.exchange.wait();
  Array const blocks = Array::empty(mine_.dtype(), {elements_});
  dispatch_wide(mine_.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    move_runs<T>(exec, gathered_.view(), ordered_.view(), length_.view(), gather.by_rank.flat<T>(), blocks.flat<T>());
  });
  gather.by_rank = Array();
  std::vector<Array> list;
  index_t at = 0;
  for (auto const& shape : shapes_) {
    list.push_back(blocks.slice(at, shape));
    at += product(shape);
  }
  return list;
}

UnitShares::Sums UnitShares::start_sums(Exec const& exec, std::vector<Array> const& gradients) const
{
  Array const ordered = Array::zeros(exec, mine_.dtype(), {elements_});
  index_t at = 0;
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    if (gradients[k])
      ordered.slice(at, shapes_[k]).copy_from(exec, gradients[k]);
    at += product(shapes_[k]);
  }
  Array const by_rank = Array::empty(mine_.dtype(), {elements_});
  dispatch_wide(mine_.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    move_runs<T>(exec, ordered_.view(), gathered_.view(), length_.view(), ordered.flat<T>(), by_rank.flat<T>());
  });
  Sums sums{Array::empty(mine_.dtype(), mine_.shape()), {}};
  sums.exchange = copies_.start_reduce_scatter_sum(exec, by_rank, sums.mine, counts_);
  return sums;
}

void UnitShares::finish_sums(Exec const& exec, Sums& sums) const
{
  sums.exchange.wait();
  index_t at = 0;
  for (int const i : numbers_) {
    auto const& p = (*parameters_)[i];
    p.var.accumulate(exec, sums.mine.slice(at, p.value().shape()));
    at += p.value().size();
  }
}

ShardStore::ShardStore(Exec const& exec, Parameters& parameters)
    : units_(parameters.units().size()), under_way_(parameters.units().size())
{
  for (std::size_t u = 0; u < units_.size(); ++u) {
    std::vector<int> whole, cut;
    auto const& unit = parameters.units()[u];
    for (int i = unit.begin; i < unit.end; ++i)
      if (is_optimized(parameters[i].spec))
        (parameters[i].spec.cut == TensorCut::none ? whole : cut).push_back(i);
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
  auto const n = static_cast<std::size_t>(unit);
  for (std::size_t s = 0; s < units_[n].size(); ++s) {
    auto const values = units_[n][s].finish_gather(exec, under_way_[n][s]);
    for (std::size_t k = 0; k < values.size(); ++k)
      blocks[static_cast<std::size_t>(units_[n][s].numbers()[k])].set_value(values[k]);
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
  for (auto const& shares : units_[summed_]) {
    std::vector<Array> gradients;
    for (int const i : shares.numbers()) {
      Var const& block = blocks[static_cast<std::size_t>(i)];
      gradients.push_back(block.grad());
      block.drop_grad();
    }
    sums_.push_back(shares.start_sums(exec, gradients));
  }
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
