#pragma once
/// \file
/// Files with means and variances: bridgescaler's JSON (standard scaler) and CREDIT's mean/std netCDF.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rossby {

/// Mean and population variance by column: a level, or a grid cell for spatial variables.
struct StandardScaler {
  std::vector<double> mean, variance;
  double count = 0;
};

/// bridgescaler's nested form: {"input"|"target": {source: {var_key: scaler}}}, where each scaler is itself a JSON text
/// and arrays are base64 of raw bytes, plain lists or bridgescaler's older {"object": "ndarray"} form.
class ScalerFile {
public:
  /// \throws Error naming the file and the entry.
  static ScalerFile load(std::string const& file);
  static ScalerFile parse(std::string const& json, std::string const& name);

  bool has(std::string const& data_type, std::string const& var_key) const;
  /// `data_type` is "input" or "target". \throws Error that lists what the file has.
  StandardScaler const& get(std::string const& data_type, std::string const& var_key) const;
  void set(std::string const& data_type, std::string const& var_key, StandardScaler);

  std::string to_json() const;
  /// Written beside and renamed. A file already there is kept as `<file>.<UTC stamp>.bak`; returns that name or "".
  std::string save(std::string const& file) const;

private:
  std::map<std::string, std::map<std::string, StandardScaler>> entries_; ///< data type, variable key
  std::string name_ = "scaler";
};

/// Count, mean and sum of squared deviations, merged pairwise (Chan, Golub and LeVeque 1979): never sums of squares.
struct Moments {
  double count = 0, mean = 0, m2 = 0;
  void add(double value);
  void merge(Moments const&);
};

} // namespace rossby
