// A tile's moments and the terms of its backward means are a few numbers a sample and group. They stay on the device:
// the tiles exchange them there, and every rank merges all of them in rank order.

#include "dist/group_norm.hpp"

#include "ops/gemm.hpp"
#include "ops/norm.hpp"

namespace rossby {

GroupStatistics group_norm_forward(Exec const& exec, Communicator const& group, Array const& x, index_t groups,
                                   double eps, Array const& gain, Array const& bias, Out y)
{
  index_t const batch = x.extent(0), tiles = group.size();
  Array const mine = ops::group_moments(exec, x, groups);
  Array const all = tiles == 1 ? mine : Array::empty(DType::float64, {tiles, batch, groups, 3});
  if (tiles > 1)
    group.all_gather(exec, mine, all, std::vector<index_t>(static_cast<std::size_t>(tiles), mine.size()));
  DType const dtype = wide_dtype(x.dtype());
  GroupStatistics const statistics{Array::empty(dtype, {batch, groups}), Array::empty(dtype, {batch, groups}),
                                   Array::empty(DType::float64, {batch, groups})};
  ops::group_statistics(exec, all.reshaped({tiles, batch, groups, 3}), eps, statistics.mean, statistics.rstd,
                        statistics.count);
  ops::group_norm_apply(exec, x, statistics.mean, statistics.rstd, gain, bias, y);
  return statistics;
}

void group_norm_backward(Exec const& exec, Communicator const& group, GroupStatistics const& statistics, Array const& x,
                         Array const& gain, Array const& dy, Out dx, Out dgain, Out dbias)
{
  index_t const batch = x.extent(0), channels = x.extent(2), groups = statistics.mean.extent(1);
  DType const dtype = wide_dtype(x.dtype());
  Array const sum_dy = Array::zeros(exec, dtype, {batch, channels});
  Array const sum_dy_xhat = Array::zeros(exec, dtype, {batch, channels});
  if (x.extent(1) > 0)
    ops::group_norm_sums(exec, x, statistics.mean, statistics.rstd, dy, sum_dy, sum_dy_xhat);
  dispatch_wide(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    ops::column_sums<T>(exec, sum_dy_xhat.view<T, 2>(), 1, dgain.flat<T>());
    ops::column_sums<T>(exec, sum_dy.view<T, 2>(), 1, dbias.flat<T>());
  });
  Array const means = Array::empty(DType::float64, {2, batch, groups});
  ops::group_norm_means(exec, gain, sum_dy, sum_dy_xhat, statistics.count, means);
  group.all_reduce_sum(exec, means);
  ops::group_norm_input_gradient(exec, x, statistics.mean, statistics.rstd, gain, dy, means, dx);
}

} // namespace rossby
