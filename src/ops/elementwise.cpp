#include <rossby/ops/elementwise.hpp>

#include "core/rows.hpp"
#include "ops/fast_math.hpp"
#include <rossby/core/random.hpp>

namespace rossby::ops {

namespace {

constexpr double sqrt_half = 0.70710678118654752440;
constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;

struct Gelu {
  template <class T> KOKKOS_INLINE_FUNCTION static T value(T x)
  {
    return T(0.5) * x * (T(1) + fast_erf(x * T(sqrt_half)));
  }
  template <class T> KOKKOS_INLINE_FUNCTION static T slope(T x)
  {
    return T(0.5) * (T(1) + fast_erf(x * T(sqrt_half))) + x * T(inverse_sqrt_two_pi) * fast_exp(T(-0.5) * x * x);
  }
};
struct Silu {
  template <class T> KOKKOS_INLINE_FUNCTION static T value(T x) { return x / (T(1) + fast_exp(-x)); }
  template <class T> KOKKOS_INLINE_FUNCTION static T slope(T x)
  {
    T const s = T(1) / (T(1) + fast_exp(-x));
    return s * (T(1) + x * (T(1) - s));
  }
};
struct Relu {
  template <class T> KOKKOS_INLINE_FUNCTION static T value(T x) { return x > T(0) ? x : T(0); }
  template <class T> KOKKOS_INLINE_FUNCTION static T slope(T x) { return x > T(0) ? T(1) : T(0); }
};

struct Sigmoid {
  template <class T> KOKKOS_INLINE_FUNCTION static T value(T x) { return T(1) / (T(1) + fast_exp(-x)); }
  template <class T> KOKKOS_INLINE_FUNCTION static T slope(T x)
  {
    T const s = value(x);
    return s * (T(1) - s);
  }
};

template <class Op, class T> void forward(char const* label, Exec const& exec, View<T, 1> x, View<T, 1> y)
{
  Kokkos::parallel_for(
      label, Range(exec, 0, static_cast<index_t>(x.extent(0))),
      KOKKOS_LAMBDA(index_t i) { y(i) = T(Op::value(wide_t<T>(x(i)))); });
}

template <class Op, class T>
void backward(char const* label, Exec const& exec, View<T, 1> x, View<T, 1> dy, View<T, 1> dx)
{
  Kokkos::parallel_for(
      label, Range(exec, 0, static_cast<index_t>(x.extent(0))),
      KOKKOS_LAMBDA(index_t i) { dx(i) = T(dy(i) * Op::slope(wide_t<T>(x(i)))); });
}

template <class T> void add_views(Exec const& exec, View<T, 1> a, View<T, 1> b, View<T, 1> c)
{
  Kokkos::parallel_for(
      "rossby::ops::add", Range(exec, 0, static_cast<index_t>(a.extent(0))),
      KOKKOS_LAMBDA(index_t i) { c(i) = T(a(i) + b(i)); });
}

template <class T>
void add_views_with_bias(Exec const& exec, View<T, 2> a, View<wide_t<T>, 1> bias, View<T, 2> b, View<T, 2> c)
{
  index_t const rows = static_cast<index_t>(a.extent(0)), channels = static_cast<index_t>(a.extent(1));
  for_rows(
      "rossby::ops::add_with_bias", exec, rows, channels, KOKKOS_LAMBDA(Row const& row) {
        using W = wide_t<T>;
        index_t const i = row.number();
        row.each(
            channels, [](T& sum, W left, W middle, W right) { sum = T(left + middle + right); }, into(&c(i, 0)),
            &a(i, 0), bias.data(), &b(i, 0));
      });
}

template <class T> void add_bias_view(Exec const& exec, View<T, 2> a, View<wide_t<T>, 1> bias, View<T, 2> c)
{
  index_t const rows = static_cast<index_t>(a.extent(0)), channels = static_cast<index_t>(a.extent(1));
  for_rows(
      "rossby::ops::add_bias", exec, rows, channels, KOKKOS_LAMBDA(Row const& row) {
        using W = wide_t<T>;
        row.each(
            channels, [](T& sum, W in, W b) { sum = T(in + b); }, into(&c(row.number(), 0)), &a(row.number(), 0),
            bias.data());
      });
}

template <class T> void add_scaled_views(Exec const& exec, wide_t<T> factor, View<T, 1> b, View<T, 1> a)
{
  Kokkos::parallel_for(
      "rossby::ops::add_scaled", Range(exec, 0, static_cast<index_t>(a.extent(0))),
      KOKKOS_LAMBDA(index_t i) { a(i) = T(a(i) + factor * b(i)); });
}

template <class T>
void copy_columns(Exec const& exec, View<T, 2> from, index_t from0, View<T, 2> to, index_t to0, index_t channels)
{
  for_rows(
      "rossby::ops::copy_channels", exec, static_cast<index_t>(from.extent(0)), channels,
      KOKKOS_LAMBDA(Row const& row) {
        row.copy(channels, &to(row.number(), 0) + to0, &from(row.number(), 0) + from0);
      });
}

template <class T>
void drop(Exec const& exec, DropoutKey key, double p, GlobalNumbers const& cells, ChannelShare share, View<T, 3> x,
          View<T, 3> y)
{
  index_t const n = static_cast<index_t>(x.extent(1)), channels = static_cast<index_t>(x.extent(2));
  auto const numbers = cells.numbers.view();
  index_t const total = cells.total, first = cells.first_sample;
  KeepMask const mask(key, p);
  // One call of the generator gives the factors of four channels.
  index_t const begin = share.first, end = begin + channels, first_four = begin / 4, fours = (end + 3) / 4 - first_four;
  for_rows(
      "rossby::ops::dropout", exec, static_cast<index_t>(x.extent(0)) * n, channels, KOKKOS_LAMBDA(Row const& row) {
        index_t const b = row.number() / n, i = row.number() % n;
        auto const number = static_cast<std::uint64_t>((first + b) * total + numbers(i));
        T const* from = &x(b, i, 0);
        T* to = &y(b, i, 0);
        row.each(fours, [&](index_t four) {
          index_t const c0 = 4 * (first_four + four);
          mask.for_each_in_row(
              number, share.total, math::max(begin, c0), math::min(end, c0 + 4),
              [&](index_t c, double factor) { to[c - begin] = T(from[c - begin] * static_cast<wide_t<T>>(factor)); });
        });
      });
}

} // namespace

void activation_forward(Exec const& exec, Activation kind, Array const& x, Out y)
{
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (kind) {
    case Activation::gelu:
      return forward<Gelu, T>("rossby::ops::gelu", exec, x.flat<T>(), y.flat<T>());
    case Activation::silu:
      return forward<Silu, T>("rossby::ops::silu", exec, x.flat<T>(), y.flat<T>());
    case Activation::relu:
      return forward<Relu, T>("rossby::ops::relu", exec, x.flat<T>(), y.flat<T>());
    case Activation::sigmoid:
      return forward<Sigmoid, T>("rossby::ops::sigmoid", exec, x.flat<T>(), y.flat<T>());
    }
  });
}

void activation_backward(Exec const& exec, Activation kind, Array const& x, Array const& dy, Out dx)
{
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (kind) {
    case Activation::gelu:
      return backward<Gelu, T>("rossby::ops::gelu_adjoint", exec, x.flat<T>(), dy.flat<T>(), dx.flat<T>());
    case Activation::silu:
      return backward<Silu, T>("rossby::ops::silu_adjoint", exec, x.flat<T>(), dy.flat<T>(), dx.flat<T>());
    case Activation::relu:
      return backward<Relu, T>("rossby::ops::relu_adjoint", exec, x.flat<T>(), dy.flat<T>(), dx.flat<T>());
    case Activation::sigmoid:
      return backward<Sigmoid, T>("rossby::ops::sigmoid_adjoint", exec, x.flat<T>(), dy.flat<T>(), dx.flat<T>());
    }
  });
}

void add(Exec const& exec, Array const& a, Array const& b, Out c)
{
  ROSSBY_EXPECT(a.size() == b.size() && a.size() == c.size());
  dispatch(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    add_views<T>(exec, a.flat<T>(), b.flat<T>(), c.flat<T>());
  });
}

void add_with_bias(Exec const& exec, Array const& a, Array const& bias, Array const& b, Out c)
{
  Shape const rows{a.size() / bias.size(), bias.size()};
  ROSSBY_EXPECT(a.size() == b.size() && a.size() == c.size());
  dispatch(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    add_views_with_bias<T>(exec, a.reshaped(rows).view<T, 2>(), bias.flat<wide_t<T>>(), b.reshaped(rows).view<T, 2>(),
                           c.reshaped(rows).view<T, 2>());
  });
}

void add_bias(Exec const& exec, Array const& a, Array const& bias, Out c)
{
  Shape const rows{a.size() / bias.size(), bias.size()};
  ROSSBY_EXPECT(a.size() == c.size());
  dispatch(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    add_bias_view<T>(exec, a.reshaped(rows).view<T, 2>(), bias.flat<wide_t<T>>(), c.reshaped(rows).view<T, 2>());
  });
}

void add_scaled(Exec const& exec, double factor, Array const& b, Out a)
{
  ROSSBY_EXPECT(a.size() == b.size());
  dispatch(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    add_scaled_views<T>(exec, static_cast<wide_t<T>>(factor), b.flat<T>(), a.flat<T>());
  });
}

void copy_channels(Exec const& exec, Array const& from, index_t from0, Out to, index_t to0, index_t channels)
{
  index_t const from_width = from.shape().back(), to_width = to.shape().back();
  index_t const n = from.size() / from_width;
  ROSSBY_EXPECT(to.size() == n * to_width && from0 + channels <= from_width && to0 + channels <= to_width);
  dispatch(from.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_columns<T>(exec, from.reshaped({n, from_width}).view<T, 2>(), from0, to.reshaped({n, to_width}).view<T, 2>(),
                    to0, channels);
  });
}

void dropout(Exec const& exec, DropoutKey key, double p, GlobalNumbers const& cells, ChannelShare share, Array const& x,
             Out y)
{
  ROSSBY_EXPECT(x.rank() == 3 && cells.numbers.size() == x.extent(1) && share.first + x.extent(2) <= share.total);
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    drop<T>(exec, key, p, cells, share, x.view<T, 3>(), y.view<T, 3>());
  });
}

} // namespace rossby::ops
