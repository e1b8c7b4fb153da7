#include <rossby/optim/gradients.hpp>

#include <rossby/ops/fixed_order_sum.hpp>

#include <cmath>

namespace rossby {

namespace {
/// sum [1] = sum of squares of x. Squares of float32 values can't overflow float64, so a sum that is not finite means
/// an element that is not.
template <class T> void sum_of_squares(Exec const& exec, View<T const, 1> x, Array const& sum)
{
  ops::fixed_order_sum(
      "rossby::optim::sum_of_squares", exec, static_cast<index_t>(x.extent(0)),
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(x(i)) * static_cast<double>(x(i)); }, sum);
}
} // namespace

double ClipConfig::coefficient(double norm) const
{
  return std::isinf(max_norm) ? 1.0 : std::min(1.0, max_norm / (norm + 1e-6));
}

Gradients::Gradients(Parameters const& parameters, std::size_t bucket_bytes)
    : dtype_(parameters.dtype()), slice_(static_cast<std::size_t>(parameters.size())),
      present_(static_cast<std::size_t>(parameters.size()), 0)
{
  index_t const limit = static_cast<index_t>(bucket_bytes / size_of(dtype_));
  for (int begin = 0; begin < parameters.size();) {
    int end = begin;
    index_t elements = 0;
    for (; end < parameters.size() && (elements == 0 || elements < limit); ++end)
      elements += is_optimized(parameters[end].spec) ? parameters[end].value().size() : 0;
    Array const bucket = Array::empty(dtype_, {elements});
    index_t offset = 0;
    for (int i = begin; i < end; ++i) {
      if (!is_optimized(parameters[i].spec))
        continue;
      slice_[static_cast<std::size_t>(i)] = bucket.slice(offset, parameters[i].value().shape());
      offset += parameters[i].value().size();
    }
    buckets_.push_back(bucket);
    begin = end;
  }
}

void Gradients::collect(Exec const& exec, Parameters& parameters, Communicator const& ranks)
{
  // A rank whose tile is all padding may miss a parameter that others reach.
  std::vector<double> reached(slice_.size());
  for (int i = 0; i < parameters.size(); ++i) {
    auto const n = static_cast<std::size_t>(i);
    if (slice_[n] && parameters[i].var.grad()) {
      reached[n] = 1;
      slice_[n].copy_from(exec, parameters[i].var.grad());
    } else if (slice_[n]) {
      slice_[n].fill(exec, 0);
    }
  }
  parameters.drop_grads();
  ranks.all_reduce_max(reached.data(), reached.size());
  present_.assign(reached.begin(), reached.end());
  for (auto const& bucket : buckets_)
    ranks.all_reduce_sum(exec, bucket);
}

std::vector<double> Gradients::squares(Exec const& exec) const
{
  Array const sums = Array::zeros(exec, DType::float64, {static_cast<index_t>(slice_.size())});
  for (std::size_t i = 0; i < slice_.size(); ++i)
    if (slice_[i])
      dispatch(dtype_, [&](auto tag) {
        using T = typename decltype(tag)::type;
        sum_of_squares<T>(exec, slice_[i].template flat<T>(), sums.slice(static_cast<index_t>(i), {1}));
      });
  return sums.to_host(exec);
}

double Gradients::norm(Exec const& exec) const
{
  double sum = 0;
  for (double const s : squares(exec))
    sum += s;
  return std::sqrt(sum);
}

int Gradients::first_non_finite(Exec const& exec) const
{
  auto const sums = squares(exec);
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (!std::isfinite(sums[i]))
      return static_cast<int>(i);
  return -1;
}

} // namespace rossby
