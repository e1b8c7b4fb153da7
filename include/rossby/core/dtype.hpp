#pragma once
/// \file
/// Run-time element types of arrays.

#include <cstddef>
#include <string>

namespace rossby {

enum class DType { float64, float32 };

std::size_t size_of(DType);
std::string name_of(DType);
/// \throws Error for anything but "float32" and "float64"; `where` names the deck key or option.
DType parse_dtype(std::string const& text, std::string const& where);

template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<double>() { return DType::float64; }
template <> constexpr DType dtype_of<float>() { return DType::float32; }

template <class T> struct TypeTag {
  using type = T;
};

/// Calls `f(TypeTag<T>{})` with the C++ type of `dtype`.
template <class F> decltype(auto) dispatch(DType dtype, F&& f)
{
  if (dtype == DType::float64)
    return f(TypeTag<double>{});
  return f(TypeTag<float>{});
}

} // namespace rossby
