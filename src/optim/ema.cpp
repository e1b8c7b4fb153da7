#include "optim/ema.hpp"

#include "params/flat_layout.hpp"
#include <rossby/params/gradients.hpp>

namespace rossby {

namespace {
/// What is averaged.
Array weights(Parameters const& parameters) { return parameters.values().slice(0, {parameters.layout().trainable()}); }

template <class T> void average(Exec const& exec, T decay, View<T, 1> shadow, View<T const, 1> p)
{
  Kokkos::parallel_for(
      "rossby::optim::ema", Range(exec, 0, static_cast<index_t>(p.extent(0))),
      KOKKOS_LAMBDA(index_t i) { shadow(i) = decay * shadow(i) + (T(1) - decay) * p(i); });
}

template <class T> void exchange(Exec const& exec, View<T, 1> a, View<T, 1> b)
{
  Kokkos::parallel_for(
      "rossby::optim::exchange", Range(exec, 0, static_cast<index_t>(a.extent(0))), KOKKOS_LAMBDA(index_t i) {
        T const value = a(i);
        a(i) = b(i);
        b(i) = value;
      });
}
} // namespace

Ema::Ema(Exec const& exec, Parameters const& parameters, double decay)
    : decay_(decay), means_(weights(parameters).clone(exec))
{
  for (int i = 0; i < parameters.size(); ++i)
    shadow_.push_back(parameters[i].spec.trainable ? parameters.slice(means_, i) : Array());
}

double Ema::effective_decay(std::int64_t step) const
{
  double const s = static_cast<double>(step);
  return std::min(decay_, (1 + s) / (10 + s));
}

void Ema::update(Exec const& exec, Parameters const& parameters)
{
  ROSSBY_EXPECT(!swapped_);
  double const decay = effective_decay(++steps_);
  dispatch_wide(means_.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    average<T>(exec, T(decay), means_.flat<T>(), weights(parameters).template flat<T>());
  });
}

void Ema::swap(Exec const& exec, Parameters& parameters)
{
  dispatch_wide(means_.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    exchange<T>(exec, means_.flat<T>(), weights(parameters).template flat<T>());
  });
  swapped_ = !swapped_;
}

} // namespace rossby
