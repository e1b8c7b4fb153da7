#pragma once
/// \file
/// Private to src/io: from stored numbers to physical ones, by the attributes of the CF conventions and of netCDF.

#include "array_body.hpp"

#include <limits>
#include <vector>

namespace rossby::io {

/// What turns a variable's stored numbers into physical ones.
struct CfDecoding {
  double scale = 1, offset = 0;
  std::vector<double> missing;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  double wrap = 0; ///< added to negative numbers (attribute _Unsigned)

  static CfDecoding of(ArrayBody const&, int array);
  /// In place; missing values become NaN.
  void decode(std::vector<double>& values) const;
};

} // namespace rossby::io
