#include "cf_decoding.hpp"

#include <cmath>

namespace rossby::io {

CfDecoding CfDecoding::of(ArrayBody const& body, int array)
{
  CfDecoding d;
  auto const type = body.arrays()[static_cast<std::size_t>(array)].type;
  auto const as_stored = [&](double x) {
    return type == StoredType::float32 ? static_cast<double>(static_cast<float>(x)) : x;
  };
  for (char const* name : {"_FillValue", "missing_value"})
    for (double const x : body.numbers(array, name))
      d.missing.push_back(as_stored(x));
  if (auto const fill = body.fill(array))
    d.missing.push_back(*fill);
  if (auto const x = body.numbers(array, "valid_min"); x.size() == 1)
    d.low = as_stored(x[0]);
  if (auto const x = body.numbers(array, "valid_max"); x.size() == 1)
    d.high = as_stored(x[0]);
  if (auto const x = body.numbers(array, "valid_range"); x.size() == 2)
    d.low = as_stored(x[0]), d.high = as_stored(x[1]);
  if (auto const x = body.numbers(array, "scale_factor"); x.size() == 1)
    d.scale = x[0];
  if (auto const x = body.numbers(array, "add_offset"); x.size() == 1)
    d.offset = x[0];
  if (body.text(array, "_Unsigned").value_or("") == "true")
    d.wrap = type == StoredType::int8    ? 256.0
             : type == StoredType::int16 ? 65536.0
             : type == StoredType::int32 ? 4294967296.0
                                         : 0.0;
  return d;
}

/// One plain loop for each thing that a variable asks for: these vectorise.
void CfDecoding::decode(std::vector<double>& values) const
{
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (double const value : missing)
    for (double& x : values)
      x = x == value ? nan : x;
  if (std::isfinite(low) || std::isfinite(high))
    for (double& x : values)
      x = x < low || x > high ? nan : x;
  if (wrap > 0)
    for (double& x : values)
      x = x < 0 ? x + wrap : x;
  if (scale != 1 || offset != 0)
    for (double& x : values)
      x = x * scale + offset;
}

} // namespace rossby::io
