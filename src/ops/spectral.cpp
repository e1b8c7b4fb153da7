#include <rossby/ops/spectral.hpp>

#include <rossby/ops/fixed_order_sum.hpp>
#include <rossby/ops/gemm.hpp>

namespace rossby::ops {

namespace {

constexpr double epsilon = 1e-12;

/// A vector as a matrix of one column.
template <class T> View<T, 2> column(Array const& a) { return a.reshaped({a.size(), 1}).view<T, 2>(); }

/// z /= max(|z|, epsilon).
template <class T> void normalise(Exec const& exec, View<T, 1> z)
{
  index_t const n = static_cast<index_t>(z.extent(0));
  Array const sum = Array::empty(DType::float64, {1});
  fixed_order_sum(
      "rossby::ops::spectral_length", exec, n,
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(z(i)) * static_cast<double>(z(i)); }, sum);
  auto const squares = sum.flat<double>();
  Kokkos::parallel_for(
      "rossby::ops::spectral_normalise", Range(exec, 0, n),
      KOKKOS_LAMBDA(index_t i) { z(i) *= static_cast<T>(1 / math::max(math::sqrt(squares(0)), epsilon)); });
}

template <class T> void inner_product(Exec const& exec, View<T, 1> a, View<T, 1> b, View<T, 1> result)
{
  Array const sum = Array::empty(DType::float64, {1});
  fixed_order_sum(
      "rossby::ops::spectral_product", exec, static_cast<index_t>(a.extent(0)),
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(a(i)) * static_cast<double>(b(i)); }, sum);
  auto const product = sum.flat<double>();
  Kokkos::parallel_for(
      "rossby::ops::spectral_sigma", Range(exec, 0, 1),
      KOKKOS_LAMBDA(index_t i) { result(i) = static_cast<T>(product(i)); });
}

template <class T>
void project(Exec const& exec, View<T, 2> m, View<T, 1> u, View<T, 1> v, T inverse_sigma, View<T, 2> g, View<T, 2> dm)
{
  index_t const rows = static_cast<index_t>(m.extent(0)), cols = static_cast<index_t>(m.extent(1));
  Array const sum = Array::empty(DType::float64, {1});
  fixed_order_sum(
      "rossby::ops::spectral_gradient_product", exec, rows,
      KOKKOS_LAMBDA(index_t i) {
        double row = 0;
        for (index_t k = 0; k < cols; ++k)
          row += static_cast<double>(g(i, k)) * static_cast<double>(m(i, k));
        return row;
      },
      sum);
  auto const product = sum.flat<double>();
  Kokkos::parallel_for(
      "rossby::ops::spectral_gradient", Range(exec, 0, rows), KOKKOS_LAMBDA(index_t i) {
        T const a = static_cast<T>(product(0)) * inverse_sigma * u(i);
        T const *from = &g(i, 0), *right = v.data();
        T* to = &dm(i, 0);
        for (index_t k = 0; k < cols; ++k)
          to[k] += (from[k] - a * right[k]) * inverse_sigma;
      });
}

} // namespace

void spectral_sigma(Exec const& exec, Array const& m, bool iterate, Array const& u, Array const& v, Array const& sigma)
{
  index_t const out = u.size(), in = v.size();
  dispatch(m.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto const matrix = m.reshaped({out, in}).view<T, 2>();
    if (iterate) {
      gemm<T>(exec, 'T', 'N', 1, matrix, column<T>(u), 0, column<T>(v));
      normalise<T>(exec, v.flat<T>());
    }
    Array const image = Array::empty(m.dtype(), {out});
    gemm<T>(exec, 'N', 'N', 1, matrix, column<T>(v), 0, column<T>(image));
    if (iterate) {
      u.copy_from(exec, image);
      normalise<T>(exec, u.flat<T>());
    }
    inner_product<T>(exec, u.flat<T>(), image.flat<T>(), sigma.flat<T>());
  });
}

void spectral_backward(Exec const& exec, Array const& m, Array const& u, Array const& v, double sigma, Array const& g,
                       Array const& dm)
{
  index_t const out = u.size(), in = v.size();
  dispatch(m.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    project<T>(exec, m.reshaped({out, in}).view<T, 2>(), u.flat<T>(), v.flat<T>(), static_cast<T>(1 / sigma),
               g.reshaped({out, in}).view<T, 2>(), dm.reshaped({out, in}).view<T, 2>());
  });
}

} // namespace rossby::ops
