#pragma once
/// \file
/// Run-time element types of arrays.

#include <rossby/core/bfloat16.hpp>
#include <rossby/core/error.hpp>

#include <cstddef>
#include <string>

namespace rossby {

/// bfloat16 is for activations only: parameters, sums and everything in files are float32 or float64.
enum class DType { float64, float32, bfloat16 };

std::size_t size_of(DType);
std::string name_of(DType);
/// \throws Error for any other name; `where` names the deck key or option.
DType parse_dtype(std::string const& text, std::string const& where);

template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<double>() { return DType::float64; }
template <> constexpr DType dtype_of<float>() { return DType::float32; }
template <> constexpr DType dtype_of<bfloat16>() { return DType::bfloat16; }

/// The type in which arithmetic with T is done and sums of T are kept; that of the parameters a layer of T has.
template <class T> struct Wide {
  using type = T;
};
template <> struct Wide<bfloat16> {
  using type = float;
};
template <class T> using wide_t = typename Wide<T>::type;
inline DType wide_dtype(DType d) { return d == DType::bfloat16 ? DType::float32 : d; }

template <class T> struct TypeTag {
  using type = T;
};

/// Calls `f(TypeTag<T>{})` with the C++ type of `dtype`, float64 or float32: for what is never narrower.
template <class F> decltype(auto) dispatch_wide(DType dtype, F&& f)
{
  ROSSBY_EXPECT(dtype == wide_dtype(dtype));
  if (dtype == DType::float64)
    return f(TypeTag<double>{});
  return f(TypeTag<float>{});
}

/// The same for all types.
template <class F> decltype(auto) dispatch(DType dtype, F&& f)
{
  if (dtype == DType::bfloat16)
    return f(TypeTag<bfloat16>{});
  return dispatch_wide(dtype, f);
}

} // namespace rossby
