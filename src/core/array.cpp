#include <rossby/core/array.hpp>

#include "core/host_waits.hpp"
#include <rossby/core/pool.hpp>

namespace rossby {

namespace {
template <class T>
using HostView = Kokkos::View<T*, Kokkos::LayoutRight, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

template <class To, class From> void convert(Exec const& exec, View<From, 1> from, View<To, 1> to)
{
  Kokkos::parallel_for(
      "rossby::core::cast", Range(exec, 0, static_cast<index_t>(from.extent(0))),
      KOKKOS_LAMBDA(index_t i) { to(i) = static_cast<To>(from(i)); });
}
} // namespace

index_t product(Shape const& shape)
{
  index_t n = 1;
  for (auto const e : shape)
    n *= e;
  return n;
}

std::string to_string(Shape const& shape)
{
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Array Array::empty(DType dtype, Shape shape)
{
  Array a;
  a.dtype_ = dtype;
  a.size_ = product(shape);
  ROSSBY_EXPECT(a.size_ >= 0);
  a.shape_ = std::move(shape);
  a.block_ = Pool::current().allocate(a.bytes());
  a.data_ = a.block_.get();
  return a;
}

Array Array::zeros(Exec const& exec, DType dtype, Shape shape)
{
  Array a = empty(dtype, std::move(shape));
  a.fill(exec, 0);
  return a;
}

Array Array::from_host(Exec const& exec, DType dtype, Shape shape, std::vector<double> const& values)
{
  Array a = empty(dtype, std::move(shape));
  a.copy_from_host(exec, values);
  return a;
}

Array Array::reshaped(Shape shape) const
{
  ROSSBY_EXPECT(product(shape) == size_);
  Array a = *this;
  a.shape_ = std::move(shape);
  return a;
}

Array Array::rows(index_t begin, index_t count) const
{
  ROSSBY_EXPECT(rank() >= 1 && begin >= 0 && count >= 0 && begin + count <= extent(0));
  Shape shape = shape_;
  shape[0] = count;
  return slice(extent(0) ? begin * (size_ / extent(0)) : 0, std::move(shape));
}

Array Array::slice(index_t begin, Shape shape) const
{
  Array a = *this;
  a.size_ = product(shape);
  ROSSBY_EXPECT(begin >= 0 && begin + a.size_ <= size_);
  a.shape_ = std::move(shape);
  a.data_ = static_cast<char*>(data_) + static_cast<std::size_t>(begin) * size_of(dtype_);
  return a;
}

std::vector<double> Array::to_host(Exec const& exec) const
{
  std::vector<double> result(static_cast<std::size_t>(size_));
  dispatch(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<T> raw(result.size());
    Kokkos::deep_copy(exec, HostView<T>(raw.data(), raw.size()), flat<T>());
    wait_for(exec, "rossby::core::to_host");
    std::copy(raw.begin(), raw.end(), result.begin());
  });
  return result;
}

void Array::copy_from(Exec const& exec, Array const& other) const
{
  ROSSBY_EXPECT(other.size_ == size_ && other.dtype_ == dtype_);
  dispatch(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kokkos::deep_copy(exec, flat<T>(), other.flat<T>());
  });
}

void Array::copy_from_host(Exec const& exec, std::vector<double> const& values) const
{
  ROSSBY_EXPECT(static_cast<index_t>(values.size()) == size_);
  dispatch(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<T> raw(values.begin(), values.end());
    Kokkos::deep_copy(exec, flat<T>(), HostView<T>(raw.data(), raw.size()));
    wait_for(exec, "rossby::core::copy_from_host"); // the host buffer dies here
  });
}

Array Array::clone(Exec const& exec) const
{
  Array a = empty(dtype_, shape_);
  a.copy_from(exec, *this);
  return a;
}

Array Array::cast(Exec const& exec, DType to) const
{
  if (to == dtype_)
    return *this;
  Array a = empty(to, shape_);
  dispatch(dtype_, [&](auto from) {
    using From = typename decltype(from)::type;
    dispatch(to, [&](auto target) {
      using To = typename decltype(target)::type;
      convert<To, From>(exec, flat<From>(), a.flat<To>());
    });
  });
  return a;
}

void Array::fill(Exec const& exec, double value) const
{
  dispatch(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kokkos::deep_copy(exec, flat<T>(), static_cast<T>(value));
  });
}

IndexList::IndexList(Exec const& exec, std::vector<index_t> const& values) : size_(static_cast<index_t>(values.size()))
{
  block_ = Pool::current().allocate(values.size() * sizeof(index_t));
  using OnDevice = Kokkos::View<index_t*, Kokkos::LayoutRight, Device, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  using Host =
      Kokkos::View<index_t const*, Kokkos::LayoutRight, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::deep_copy(exec, OnDevice(static_cast<index_t*>(block_.get()), values.size()),
                    Host(values.data(), values.size()));
  wait_for(exec, "rossby::core::index_list"); // the values may go once this returns
}

} // namespace rossby
