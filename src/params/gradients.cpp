// Buckets follow one another as backward passes go, from the model's last unit to its first: a bucket can be summed as
// soon as the units in it are done. Parameters that a tensor group cuts are summed over other ranks than those it does
// not, hence in buckets of their own. What is sharded is summed already, and is only measured here.
#include <rossby/params/gradients.hpp>

#include "ops/pieces.hpp"
#include "params/flat_layout.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rossby {

namespace {
/// The sum of squares of each slice. Squares of float32 values can't overflow float64, so a sum that is not finite
/// means an element that is not.
template <class T>
void sums_of_squares(Exec const& exec, ops::Pieces const& pieces, View<T const, 1> x, Array const& to)
{
  ops::slice_sums(
      "rossby::params::sums_of_squares", exec, pieces,
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(x(i)) * static_cast<double>(x(i)); }, to);
}
} // namespace

double ClipConfig::coefficient(double norm) const
{
  return std::isinf(max_norm) ? 1.0 : std::min(1.0, max_norm / (norm + 1e-6));
}

Gradients::Gradients(Parameters const& parameters, std::size_t bucket_bytes)
    : parameters_(&parameters), reached_(static_cast<std::size_t>(parameters.size()), 0),
      present_(static_cast<std::size_t>(parameters.size()), 0)
{
  auto const& layout = parameters.layout();
  auto const limit = static_cast<index_t>(bucket_bytes / size_of(parameters.dtype()));
  int previous = -1;
  for (int const i : layout.order()) {
    auto const cut = [&](int k) { return is_cut(parameters[k].spec); };
    int const unit = parameters.unit_of(i);
    bool const other_ranks = previous < 0 || cut(i) != cut(previous);
    if (other_ranks || unit != parameters.unit_of(previous)) {
      // What no unit holds waits for collect().
      if (other_ranks || unit < 0 || buckets_.back().end - buckets_.back().begin >= limit)
        buckets_.push_back({parameters.copies(i), layout.begin(i), layout.begin(i)});
      if (unit >= 0)
        buckets_.back().units.push_back(unit);
    }
    buckets_.back().members.push_back(i);
    buckets_.back().end = layout.begin(i) + layout.padded(parameters[i].value().size());
    previous = i;
  }
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
    Var const& var = parameters[i].var;
    if (var.grad())
      reached_[static_cast<std::size_t>(i)] = 1;
    else
      var.grad_to_add_to(exec); // zeros
    var.drop_grad();
  }
  if (!parameters.placement().sharded)
    bucket.sum = bucket.copies.start_all_reduce_sum(
        exec, parameters.gradients().slice(bucket.begin, {bucket.end - bucket.begin}));
  bucket.started = true;
}

void Gradients::collect(Exec const& exec, Parameters& parameters)
{
  if (!parameters.gradients()) // no pass was recorded
    parameters.ready_gradients(exec);
  for (auto& bucket : buckets_)
    if (!bucket.started)
      start(exec, parameters, bucket);
  // A rank whose tile is all padding may miss a parameter that others reach.
  parameters.placement().world.all_reduce_max(reached_.data(), reached_.size());
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
  auto const& layout = parameters_->layout();
  auto const& order = layout.order();
  Array const sums = Array::empty(DType::float64, {static_cast<index_t>(order.size())});
  dispatch_wide(parameters_->dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sums_of_squares<T>(exec, layout.pieces(), parameters_->gradients().flat<T>(), sums);
  });
  auto const mine = sums.to_host(exec);
  std::vector<double> values(static_cast<std::size_t>(parameters_->size()), 0.0), parts;
  for (std::size_t k = 0; k < order.size(); ++k)
    values[static_cast<std::size_t>(order[k])] = mine[k];
  auto const in_parts = [&](std::size_t i) { return parameters_->parts(static_cast<int>(i)).size() > 1; };
  for (std::size_t i = 0; i < values.size(); ++i)
    if (in_parts(i))
      parts.push_back(values[i]);
  parameters_->placement().part_ranks().all_reduce_sum(parts.data(), parts.size());
  auto next = parts.begin();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (in_parts(i))
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
