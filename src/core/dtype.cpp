#include <rossby/core/dtype.hpp>

namespace rossby {

std::size_t size_of(DType dtype) { return dtype == DType::float64 ? 8 : dtype == DType::float32 ? 4 : 2; }

std::string name_of(DType dtype)
{
  return dtype == DType::float64 ? "float64" : dtype == DType::float32 ? "float32" : "bfloat16";
}

DType parse_dtype(std::string const& text, std::string const& where)
{
  for (DType const dtype : {DType::float64, DType::float32, DType::bfloat16})
    if (text == name_of(dtype))
      return dtype;
  fail(where, "unknown element type '" + text + "'", "use float32, float64 or bfloat16");
}

} // namespace rossby
