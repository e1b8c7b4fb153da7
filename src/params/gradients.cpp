// Gradients live in a few flat buffers, filled from the model's last unit to its first, as a backward pass goes: a
// buffer can be summed as soon as the units in it are done. Parameters that a tensor group cuts are summed over other
// ranks than those it does not, hence in buffers of their own. What is sharded is summed already, and is only measured
// here.
#include <rossby/params/gradients.hpp>

#include <rossby/ops/fixed_order_sum.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace rossby {

namespace {
/// sum [1] = sum of squares of x. Squares of float32 values can't overflow float64, so a sum that is not finite means
/// an element that is not.
template <class T> void sum_of_squares(Exec const& exec, View<T const, 1> x, Array const& sum)
{
  ops::fixed_order_sum(
      "rossby::params::sum_of_squares", exec, static_cast<index_t>(x.extent(0)),
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(x(i)) * static_cast<double>(x(i)); }, sum);
}
} // namespace

double ClipConfig::coefficient(double norm) const
{
  return std::isinf(max_norm) ? 1.0 : std::min(1.0, max_norm / (norm + 1e-6));
}

Gradients::Gradients(Parameters const& parameters, std::size_t bucket_bytes)
    : dtype_(parameters.dtype()), placement_(parameters.placement()),
      slice_(static_cast<std::size_t>(parameters.size())), reached_(static_cast<std::size_t>(parameters.size()), 0),
      present_(static_cast<std::size_t>(parameters.size()), 0)
{
  for (int i = 0; i < parameters.size(); ++i)
    in_parts_.push_back(parameters.parts(i).size() > 1);
  fill_buckets(parameters, bucket_bytes, false);
  fill_buckets(parameters, bucket_bytes, true);
}

void Gradients::fill_buckets(Parameters const& parameters, std::size_t bucket_bytes, bool cut)
{
  index_t const limit = static_cast<index_t>(bucket_bytes / size_of(dtype_));
  index_t elements = 0;
  Bucket bucket;
  auto const close = [&] {
    if (elements == 0)
      return;
    bucket.values = Array::empty(dtype_, {elements});
    bucket.copies = cut ? placement_.replicas : placement_.world;
    index_t offset = 0;
    for (int const i : bucket.members) {
      slice_[static_cast<std::size_t>(i)] = bucket.values.slice(offset, parameters[i].value().shape());
      offset += parameters[i].value().size();
    }
    buckets_.push_back(std::move(bucket));
    bucket = Bucket();
    elements = 0;
  };
  auto const fill = [&](int begin, int end) {
    auto const before = bucket.members.size();
    for (int i = begin; i < end; ++i) {
      auto const& spec = parameters[i].spec;
      if (!is_optimized(spec) || (spec.cut != TensorCut::none) != cut)
        continue;
      bucket.members.push_back(i);
      elements += parameters[i].value().size();
    }
    return bucket.members.size() > before;
  };
  // From the last unit to the first, as backward passes go; what no unit holds waits for collect().
  auto const& units = parameters.units();
  for (auto u = static_cast<int>(units.size()) - 1; u >= 0; --u) {
    auto const& unit = units[static_cast<std::size_t>(u)];
    if (fill(unit.begin, unit.end))
      bucket.units.push_back(u);
    if (elements >= limit)
      close();
  }
  close();
  fill(0, units.empty() ? parameters.size() : units.front().begin);
  close();
}

void Gradients::Overlap::unit_done(Exec const& exec, int unit)
{
  for (auto& bucket : gradients_->buckets_)
    if (std::count(bucket.units.begin(), bucket.units.end(), unit) > 0 && ++bucket.units_done == bucket.units.size())
      gradients_->start(exec, *parameters_, bucket);
}

void Gradients::start(Exec const& exec, Parameters& parameters, Bucket& bucket)
{
  ROSSBY_EXPECT(!bucket.started);
  for (int const i : bucket.members) {
    auto const n = static_cast<std::size_t>(i);
    if (auto const& gradient = parameters[i].var.grad()) {
      reached_[n] = 1;
      slice_[n].copy_from(exec, gradient);
      parameters[i].var.drop_grad();
    } else {
      slice_[n].fill(exec, 0);
    }
  }
  if (!placement_.sharded)
    bucket.sum = bucket.copies.start_all_reduce_sum(exec, bucket.values);
  bucket.started = true;
}

void Gradients::collect(Exec const& exec, Parameters& parameters)
{
  for (auto& bucket : buckets_)
    if (!bucket.started)
      start(exec, parameters, bucket);
  // A rank whose tile is all padding may miss a parameter that others reach.
  placement_.world.all_reduce_max(reached_.data(), reached_.size());
  present_.assign(reached_.begin(), reached_.end());
  std::fill(reached_.begin(), reached_.end(), 0.0);
  for (auto& bucket : buckets_) {
    bucket.sum.wait();
    bucket.sum = {};
    bucket.started = false;
    bucket.units_done = 0;
  }
  for (auto const& p : parameters.all())
    ROSSBY_EXPECT(!is_optimized(p.spec) || !p.var.grad());
}

std::vector<double> Gradients::squares(Exec const& exec) const
{
  Array const sums = Array::zeros(exec, DType::float64, {static_cast<index_t>(slice_.size())});
  for (std::size_t i = 0; i < slice_.size(); ++i)
    if (slice_[i])
      dispatch_wide(dtype_, [&](auto tag) {
        using T = typename decltype(tag)::type;
        sum_of_squares<T>(exec, slice_[i].template flat<T>(), sums.slice(static_cast<index_t>(i), {1}));
      });
  auto values = sums.to_host(exec);
  std::vector<double> parts;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (in_parts_[i])
      parts.push_back(values[i]);
  placement_.part_ranks().all_reduce_sum(parts.data(), parts.size());
  auto next = parts.begin();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (in_parts_[i])
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
