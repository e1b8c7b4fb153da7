#pragma once
/// \file
/// Private to src/io: from stored numbers to physical ones, by the attributes of the CF conventions and of netCDF.

#include "array_body.hpp"

#include <limits>
#include <string>
#include <vector>

namespace rossby::io {

/// What turns a variable's stored numbers into physical ones, in this order: the sign that `_Unsigned` gives them;
/// missing values, among the stored numbers as `_Unsigned` makes them (attributes of the stored type follow it); valid
/// limits; scale_factor and add_offset. Sources: the NetCDF Users Guide, appendix "Attribute Conventions", and section
/// 8.1 of the CF conventions; where these leave it open, what netCDF4-python does.
class CfDecoding {
public:
  /// \throws Error at `where` (file and variable) for attributes that can't be understood.
  static CfDecoding of(ArrayBody const&, int array, std::string const& where);

  /// In place; missing values become NaN.
  void decode(std::vector<double>& values) const;
  /// Which attribute makes how many of these stored values missing: "12 equal _FillValue (-1), 3 lie outside
  /// valid_range (0 to 65530)"; empty when none is.
  std::string why_missing(std::vector<double> const& stored) const;

private:
  struct Missing {
    double value;
    std::string name; ///< "_FillValue", "missing_value", "the library's default fill"
  };
  struct Limits {
    double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
    std::string name; ///< "valid_range", "valid_min", ...
    bool exclude(double x) const { return x < low || x > high; }
  };

  void read_sign(ArrayBody const&, int array, StoredType);
  void read_packing(ArrayBody const&, int array, std::string const& where);
  void read_missing(ArrayBody const&, int array, StoredType, std::string const& where);
  void read_limits(ArrayBody const&, int array, StoredType, std::string const& where);
  /// An attribute's number as the variable's type holds it, with the sign that `_Unsigned` gives.
  double as_stored(double x, StoredType) const;
  double with_sign(double x) const
  {
    return wrap_ > 0 && x < 0 ? x + wrap_ : unwrap_ <= x && x < 2 * unwrap_ ? x - 2 * unwrap_ : x;
  }

  double scale_ = 1, offset_ = 0;
  double wrap_ = 0; ///< added to negative numbers: signed types, _Unsigned = "true"
  /// Numbers from here on are negative ones: unsigned types, _Unsigned = "false".
  double unwrap_ = std::numeric_limits<double>::infinity();
  std::vector<Missing> missing_;
  Limits limits_; ///< among stored numbers, also where the attribute speaks of unpacked ones
};

} // namespace rossby::io
