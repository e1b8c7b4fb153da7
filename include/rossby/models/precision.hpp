#pragma once
/// \file
/// Element types of a model.

#include <rossby/core/dtype.hpp>

namespace rossby {

/// One type for everything, or mixed precision: fields, and weights on their way into a product, are rounded to
/// bfloat16; parameters, sums (of products, norms, softmax, gradients) and spectral norm are float32.
struct Precision {
  DType parameters = DType::float32; ///< float32 or float64; also what a model takes and returns
  DType fields = DType::float32;     ///< between layers: `parameters`, or bfloat16
  DType output = DType::float32;     ///< to which the result of the last layer is rounded: one of these two

  Precision() = default;
  Precision(DType all) : parameters(all), fields(all), output(all) {}
  static Precision mixed()
  {
    Precision p;
    p.fields = DType::bfloat16;
    return p;
  }
};

} // namespace rossby
