#include <rossby/parallel/gradients.hpp>

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
    : dtype_(parameters.dtype()), placement_(parameters.placement()),
      slice_(static_cast<std::size_t>(parameters.size())), present_(static_cast<std::size_t>(parameters.size()), 0)
{
  for (int i = 0; i < parameters.size(); ++i)
    spread_.push_back(parameters.parts(i).size() > 1);
  fill_buckets(parameters, bucket_bytes, false);
  fill_buckets(parameters, bucket_bytes, true);
}

void Gradients::fill_buckets(Parameters const& parameters, std::size_t bucket_bytes, bool cut)
{
  index_t const limit = static_cast<index_t>(bucket_bytes / size_of(dtype_));
  auto const belongs = [&](int i) {
    auto const& spec = parameters[i].spec;
    return is_optimized(spec) && (spec.cut != TensorCut::none) == cut;
  };
  for (int begin = 0; begin < parameters.size();) {
    int end = begin;
    index_t elements = 0;
    for (; end < parameters.size() && (elements == 0 || elements < limit); ++end)
      elements += belongs(end) ? parameters[end].value().size() : 0;
    Array const bucket = Array::empty(dtype_, {elements});
    index_t offset = 0;
    for (int i = begin; i < end; ++i) {
      if (!belongs(i))
        continue;
      slice_[static_cast<std::size_t>(i)] = bucket.slice(offset, parameters[i].value().shape());
      offset += parameters[i].value().size();
    }
    if (elements > 0)
      buckets_.push_back({bucket, cut ? placement_.replicas : placement_.world});
    begin = end;
  }
}

void Gradients::collect(Exec const& exec, Parameters& parameters)
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
  placement_.world.all_reduce_max(reached.data(), reached.size());
  present_.assign(reached.begin(), reached.end());
  if (placement_.sharded)
    return;
  for (auto const& bucket : buckets_)
    bucket.copies.all_reduce_sum(exec, bucket.values);
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
  auto values = sums.to_host(exec);
  std::vector<double> parts;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (spread_[i])
      parts.push_back(values[i]);
  (placement_.sharded ? placement_.world : placement_.tensor).all_reduce_sum(parts.data(), parts.size());
  auto next = parts.begin();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (spread_[i])
      values[i] = *next++;
  return values;
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
