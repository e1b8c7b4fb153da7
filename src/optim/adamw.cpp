#include <rossby/optim/adamw.hpp>

#include <cmath>

namespace rossby {

namespace {
template <class T> struct Factors {
  T keep, beta1, beta2, step, root_correction, epsilon, coefficient;
};

/// One pass over memory for all of it.
template <class T>
void update(Exec const& exec, Factors<T> const f, View<T, 1> p, View<T, 1> m, View<T, 1> v, View<T const, 1> gradient)
{
  Kokkos::parallel_for(
      "rossby::optim::adamw", Range(exec, 0, static_cast<index_t>(p.extent(0))), KOKKOS_LAMBDA(index_t i) {
        T const g = f.coefficient * gradient(i);
        T const first = f.beta1 * m(i) + (T(1) - f.beta1) * g;
        T const second = f.beta2 * v(i) + (T(1) - f.beta2) * g * g;
        m(i) = first;
        v(i) = second;
        p(i) = p(i) * f.keep - f.step * first / (math::sqrt(second) * f.root_correction + f.epsilon);
      });
}
} // namespace

AdamW::AdamW(Parameters const& parameters, AdamWConfig config)
    : config_(config), moments_(static_cast<std::size_t>(parameters.size()))
{
}

void AdamW::step(Exec const& exec, Parameters& parameters, Gradients const& gradients, double rate, double coefficient)
{
  for (int i = 0; i < parameters.size(); ++i) {
    if (!gradients.present(i))
      continue;
    Array const& value = parameters[i].value();
    auto& state = moments(i);
    if (!state.first) {
      state.first = Array::zeros(exec, value.dtype(), value.shape());
      state.second = Array::zeros(exec, value.dtype(), value.shape());
    }
    ++state.step;
    double const t = static_cast<double>(state.step);
    double const step = rate / (1 - std::pow(config_.beta1, t));
    double const root_correction = 1 / std::sqrt(1 - std::pow(config_.beta2, t));
    dispatch_wide(value.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      Factors<T> const f{T(1 - rate * config_.weight_decay),
                         T(config_.beta1),
                         T(config_.beta2),
                         T(step),
                         T(root_correction),
                         T(config_.epsilon),
                         T(coefficient)};
      update<T>(exec, f, value.flat<T>(), state.first.template flat<T>(), state.second.template flat<T>(),
                gradients.of(i).template flat<T>());
    });
  }
}

} // namespace rossby
