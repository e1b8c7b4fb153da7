#include "dist/group_norm.hpp"

#include "ops/gemm.hpp"
#include "ops/norm.hpp"

#include <cmath>

namespace rossby {

GroupStatistics group_norm_forward(Exec const& exec, Communicator const& group, Array const& x, index_t groups,
                                   double eps, Array const& gain, Array const& bias, Out y)
{
  index_t const batch = x.extent(0);
  auto const local = ops::group_moments(exec, x, groups);
  std::vector<double> mine;
  for (auto const& m : local)
    mine.insert(mine.end(), {m.count, m.mean, m.m2});
  auto const all = group.all_gather(mine);
  std::vector<double> mean, rstd;
  double count = 0;
  for (std::size_t i = 0; i < local.size(); ++i) {
    Moments merged;
    for (std::size_t r = 0; r < static_cast<std::size_t>(group.size()); ++r) {
      double const* m = &all[r * mine.size() + 3 * i];
      merged.merge({m[0], m[1], m[2]});
    }
    mean.push_back(merged.mean);
    rstd.push_back(1 / std::sqrt(merged.m2 / merged.count + eps));
    count = merged.count;
  }
  DType const dtype = wide_dtype(x.dtype());
  GroupStatistics statistics{Array::from_host(exec, dtype, {batch, groups}, mean),
                             Array::from_host(exec, dtype, {batch, groups}, rstd), count};
  ops::group_norm_apply(exec, x, statistics.mean, statistics.rstd, gain, bias, y);
  return statistics;
}

void group_norm_backward(Exec const& exec, Communicator const& group, GroupStatistics const& statistics, Array const& x,
                         Array const& gain, Array const& dy, Out dx, Out dgain, Out dbias)
{
  index_t const batch = x.extent(0), channels = x.extent(2), groups = statistics.mean.extent(1),
                width = channels / groups;
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

  auto const a = sum_dy.to_host(exec), b = sum_dy_xhat.to_host(exec), g = gain.to_host(exec);
  std::size_t const cells = static_cast<std::size_t>(batch * groups);
  std::vector<double> means(2 * cells, 0);
  for (index_t s = 0; s < batch; ++s)
    for (index_t c = 0; c < channels; ++c) {
      std::size_t const i = static_cast<std::size_t>(s * groups + c / width),
                        k = static_cast<std::size_t>(s * channels + c);
      means[i] += g[static_cast<std::size_t>(c)] * a[k] / statistics.count;
      means[cells + i] += g[static_cast<std::size_t>(c)] * b[k] / statistics.count;
    }
  group.all_reduce_sum(means.data(), means.size());
  auto const middle = means.begin() + static_cast<std::ptrdiff_t>(cells);
  ops::group_norm_input_gradient(exec, x, statistics.mean, statistics.rstd, gain, dy,
                                 Array::from_host(exec, dtype, {batch, groups}, {means.begin(), middle}),
                                 Array::from_host(exec, dtype, {batch, groups}, {middle, means.end()}), dx);
}

} // namespace rossby
