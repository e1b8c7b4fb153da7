#include "ops/spectral.hpp"

#include "ops/fixed_order_sum.hpp"
#include "ops/gemm.hpp"

namespace rossby::ops {

namespace {

constexpr double epsilon = 1e-12;

/// A vector as a matrix of one column.
template <class T> View<T, 2> column(Array const& a) { return a.reshaped({a.size(), 1}).view<T, 2>(); }

template <class T> void normalise(Exec const& exec, View<T, 1> z, View<T, 1> to)
{
  index_t const n = static_cast<index_t>(z.extent(0));
  Array const sum = Array::empty(DType::float64, {1});
  fixed_order_sum(
      "rossby::ops::spectral_length", exec, n,
      KOKKOS_LAMBDA(index_t i) { return static_cast<double>(z(i)) * static_cast<double>(z(i)); }, sum);
  auto const squares = sum.flat<double>();
  Kokkos::parallel_for(
      "rossby::ops::spectral_normalise", Range(exec, 0, n),
      KOKKOS_LAMBDA(index_t i) { to(i) = z(i) * static_cast<T>(1 / math::max(math::sqrt(squares(0)), epsilon)); });
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

template <class T> void block_product(Exec const& exec, View<T, 2> m, View<T, 2> g, Array const& product)
{
  index_t const rows = static_cast<index_t>(m.extent(0)), cols = static_cast<index_t>(m.extent(1));
  fixed_order_sum(
      "rossby::ops::spectral_gradient_product", exec, rows,
      KOKKOS_LAMBDA(index_t i) {
        double row = 0;
        for (index_t k = 0; k < cols; ++k)
          row += static_cast<double>(g(i, k)) * static_cast<double>(m(i, k));
        return row;
      },
      product);
}

template <class T>
void project(Exec const& exec, View<T, 1> u, View<T, 1> v, T inverse_sigma, View<double, 1> product, View<T, 2> g,
             View<T, 2> dm)
{
  index_t const rows = static_cast<index_t>(g.extent(0)), cols = static_cast<index_t>(g.extent(1));
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

void spectral_transposed_product(Exec const& exec, Array const& m, Array const& u, Out v)
{
  dispatch_wide(m.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    gemm<T>(exec, 'T', 'N', 1, m.reshaped({u.size(), v.size()}).view<T, 2>(), column<T>(u), 0, column<T>(v));
  });
}

void spectral_product(Exec const& exec, Array const& m, Array const& v, Out u)
{
  dispatch_wide(m.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    gemm<T>(exec, 'N', 'N', 1, m.reshaped({u.size(), v.size()}).view<T, 2>(), column<T>(v), 0, column<T>(u));
  });
}

void spectral_normalise(Exec const& exec, Array const& z, Out to)
{
  dispatch_wide(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    normalise<T>(exec, z.flat<T>(), to.flat<T>());
  });
}

void spectral_sigma(Exec const& exec, Array const& u, Array const& image, Out sigma)
{
  dispatch_wide(u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    inner_product<T>(exec, u.flat<T>(), image.flat<T>(), sigma.flat<T>());
  });
}

void spectral_inner_product(Exec const& exec, Array const& m, Array const& g, Out product)
{
  index_t const rows = m.extent(0), cols = rows > 0 ? m.size() / rows : 0;
  dispatch_wide(m.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    block_product<T>(exec, m.reshaped({rows, cols}).view<T, 2>(), g.reshaped({rows, cols}).view<T, 2>(), product);
  });
}

void spectral_backward(Exec const& exec, Array const& u, Array const& v, double sigma, Array const& product,
                       Array const& g, Out dm)
{
  index_t const rows = u.size(), cols = v.size();
  dispatch_wide(g.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    project<T>(exec, u.flat<T>(), v.flat<T>(), static_cast<T>(1 / sigma), product.flat<double>(),
               g.reshaped({rows, cols}).view<T, 2>(), dm.reshaped({rows, cols}).view<T, 2>());
  });
}

} // namespace rossby::ops
