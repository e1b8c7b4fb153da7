#pragma once
/// \file
/// The array that everything is made of.

#include <rossby/core/dtype.hpp>
#include <rossby/core/error.hpp>
#include <rossby/core/kokkos_compat.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rossby {

using Shape = std::vector<index_t>;

index_t product(Shape const&);
/// "[2, 32, 64]"
std::string to_string(Shape const&);

namespace detail {
template <class T, int R> struct Pointer {
  using type = typename Pointer<T, R - 1>::type*;
};
template <class T> struct Pointer<T, 0> {
  using type = T;
};
} // namespace detail

/// An unmanaged row-major view of rank R: what kernels take.
template <class T, int R>
using View = Kokkos::View<typename detail::Pointer<T, R>::type, Kokkos::LayoutRight, Device,
                          Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// A dense row-major block of pooled device memory with a run-time element type. Copies share the block. Fields are
/// channels-last: `[batch, row, column, channel]` or `[batch, cell, channel]`.
class Array {
public:
  Array() = default;

  /// Memory of the pool that is current; no kernel runs, so that no instance is needed.
  static Array empty(DType, Shape);
  static Array zeros(Exec const&, DType, Shape);
  /// Host values, row-major, converted to `dtype`. The host waits until they are there.
  static Array from_host(Exec const&, DType, Shape, std::vector<double> const&);

  explicit operator bool() const { return static_cast<bool>(block_); }
  DType dtype() const { return dtype_; }
  Shape const& shape() const { return shape_; }
  index_t extent(int axis) const { return shape_[static_cast<std::size_t>(axis)]; }
  int rank() const { return static_cast<int>(shape_.size()); }
  index_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * size_of(dtype_); }

  /// The same elements under another shape of equal size.
  Array reshaped(Shape) const;
  /// Elements `[begin, begin + count)` of the first axis, sharing memory.
  Array rows(index_t begin, index_t count) const;
  /// Elements `[begin, begin + product(shape))` of the flattened array, sharing memory.
  Array slice(index_t begin, Shape shape) const;

  template <class T, int R> View<T, R> view() const
  {
    ROSSBY_EXPECT(dtype_of<T>() == dtype_ && R == rank());
    return view_as<T, R>(std::make_index_sequence<static_cast<std::size_t>(R)>{});
  }
  /// All elements in a row.
  template <class T> View<T, 1> flat() const
  {
    ROSSBY_EXPECT(dtype_of<T>() == dtype_);
    return View<T, 1>(static_cast<T*>(data_), static_cast<std::size_t>(size_));
  }
  void* data() const { return data_; }
  /// True when another array (or slice) uses the same memory.
  bool shared() const { return block_.use_count() > 1; }

  /// A copy on the host, converted to float64. Waits for the kernels that produce it.
  std::vector<double> to_host(Exec const&) const;
  void copy_from(Exec const&, Array const& other) const;
  /// The host waits until the values are there.
  void copy_from_host(Exec const&, std::vector<double> const&) const;
  Array clone(Exec const&) const;
  Array cast(Exec const&, DType) const;
  void fill(Exec const&, double value) const;

private:
  template <class T, int R, std::size_t... I> View<T, R> view_as(std::index_sequence<I...>) const
  {
    return View<T, R>(static_cast<T*>(data_), static_cast<std::size_t>(shape_[I])...);
  }

  std::shared_ptr<void> block_;
  void* data_ = nullptr;
  DType dtype_ = DType::float32;
  Shape shape_;
  index_t size_ = 0;
};

/// An array that an operation writes or adds into: in a signature it tells results from what they are made of, which
/// come as `Array const&`. A caller passes the array itself.
class Out : public Array {
public:
  Out(Array const& array) : Array(array) {} // implicit: ops::add(exec, a, b, c)
};

/// A device list of indices, made once on the host (plans). The host waits until they are there.
class IndexList {
public:
  IndexList() = default;
  IndexList(Exec const&, std::vector<index_t> const&);
  index_t size() const { return size_; }
  View<index_t const, 1> view() const
  {
    return View<index_t const, 1>(static_cast<index_t const*>(block_.get()), static_cast<std::size_t>(size_));
  }

private:
  std::shared_ptr<void> block_;
  index_t size_ = 0;
};

} // namespace rossby
