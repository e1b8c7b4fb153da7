#include <rossby/core/dtype.hpp>

#include <rossby/core/error.hpp>

namespace rossby {

std::size_t size_of(DType dtype) { return dtype == DType::float64 ? 8 : 4; }

std::string name_of(DType dtype) { return dtype == DType::float64 ? "float64" : "float32"; }

DType parse_dtype(std::string const& text, std::string const& where)
{
  if (text == "float64")
    return DType::float64;
  if (text == "float32")
    return DType::float32;
  fail(where, "unknown element type '" + text + "'", "use float32 or float64");
}

} // namespace rossby
