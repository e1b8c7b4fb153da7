#include "optim/adamw.hpp"

#include "ops/pieces.hpp"
#include "params/flat_layout.hpp"

#include <algorithm>

namespace rossby {

namespace {
template <class T> struct Factors {
  T keep, beta1, beta2, epsilon, coefficient;
  double rate, b1, b2, newest; ///< newest: most steps that a parameter has made
};

/// One pass over memory for all of it.
template <class T>
void update(Exec const& exec, Factors<T> const f, ops::Pieces const& pieces, View<index_t const, 1> behind,
            View<T, 1> value, View<T, 1> first, View<T, 1> second, View<T const, 1> gradient)
{
  T *const p = value.data(), *const m = first.data(), *const v = second.data();
  T const* const from = gradient.data();
  ops::for_each_piece(
      "rossby::optim::adamw", exec, pieces, KOKKOS_LAMBDA(TeamMember const& team, ops::Piece const& piece) {
        if (behind(piece.slice) < 0)
          return;
        double const t = f.newest - static_cast<double>(behind(piece.slice));
        T const step = static_cast<T>(f.rate / (1 - math::pow(f.b1, t)));
        T const root_correction = static_cast<T>(1 / math::sqrt(1 - math::pow(f.b2, t)));
        ops::each_of_team(team, piece.begin, piece.end, [&](index_t i) {
          T const g = f.coefficient * from[i];
          T const mean = f.beta1 * m[i] + (T(1) - f.beta1) * g;
          T const square = f.beta2 * v[i] + (T(1) - f.beta2) * g * g;
          m[i] = mean;
          v[i] = square;
          p[i] = p[i] * f.keep - step * mean / (math::sqrt(square) * root_correction + f.epsilon);
        });
      });
}
} // namespace

AdamW::AdamW(Parameters const& parameters, AdamWConfig config)
    : config_(config), moments_(static_cast<std::size_t>(parameters.size()))
{
}

AdamW::Moments& AdamW::begun(Exec const& exec, Parameters const& parameters, int i)
{
  for (Array* all : {&first_, &second_})
    if (!*all)
      *all = Array::zeros(exec, parameters.dtype(), {parameters.layout().optimized()});
  auto& state = moments_[static_cast<std::size_t>(i)];
  if (!state.first) {
    state.first = parameters.slice(first_, i);
    state.second = parameters.slice(second_, i);
  }
  return state;
}

void AdamW::restore(Exec const& exec, Parameters const& parameters, int i, Moments const& from)
{
  auto& state = begun(exec, parameters, i);
  state.first.copy_from(exec, from.first);
  state.second.copy_from(exec, from.second);
  state.step = from.step;
}

void AdamW::step(Exec const& exec, Parameters& parameters, Gradients const& gradients, double rate, double coefficient)
{
  auto const& layout = parameters.layout();
  std::int64_t newest = 0;
  for (int const i : layout.order())
    if (gradients.present(i))
      newest = std::max(newest, ++begun(exec, parameters, i).step);
  if (newest == 0)
    return;
  std::vector<index_t> behind;
  for (int const i : layout.order())
    behind.push_back(gradients.present(i) ? newest - moments(i).step : -1);
  if (behind != steps_behind_) { // seldom: of all parameters that are there from the first step it is 0 for ever
    steps_behind_on_device_ = IndexList(exec, behind);
    steps_behind_ = std::move(behind);
  }
  dispatch_wide(parameters.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Factors<T> const f{T(1 - rate * config_.weight_decay),
                       T(config_.beta1),
                       T(config_.beta2),
                       T(config_.epsilon),
                       T(coefficient),
                       rate,
                       config_.beta1,
                       config_.beta2,
                       static_cast<double>(newest)};
    update<T>(exec, f, layout.pieces(), steps_behind_on_device_.view(), parameters.values().flat<T>(),
              first_.template flat<T>(), second_.template flat<T>(), parameters.gradients().flat<T>());
  });
}

} // namespace rossby
