#pragma once
/// \file
/// Files with means and variances, or smallest and largest values: bridgescaler's JSON.

#include "core/moments.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace rossby {

/// How one variable is scaled, by column: a level, or a grid cell for spatial variables.
struct Scaler {
  enum class Kind {
    standard, ///< (x - mean) / sqrt(variance), the population's
    minmax    ///< (x - minimum) / (maximum - minimum)
  };
  std::vector<double> mean, variance;
  double count = 0;
  Kind kind = Kind::standard;
  std::vector<double> minimum = {}, maximum = {};
  /// What the columns are, where the file says so: levels and their unit.
  std::vector<double> levels = {};
  std::string level_units = {};

  std::size_t columns() const { return kind == Kind::standard ? mean.size() : minimum.size(); }
  /// What is subtracted, and what the difference is divided by.
  double origin(std::size_t column) const;
  double width(std::size_t column) const;
};
/// As decks call it.
char const* name_of(Scaler::Kind);

/// bridgescaler's nested form: {"input"|"target": {source: {var_key: scaler}}}, where each scaler is itself a JSON text
/// and arrays are base64 of raw bytes, plain lists or bridgescaler's older {"object": "ndarray"} form.
class ScalerFile {
public:
  /// \throws Error naming the file and the entry.
  static ScalerFile load(std::string const& file);
  static ScalerFile parse(std::string const& json, std::string const& name);

  bool has(std::string const& data_type, std::string const& var_key) const;
  /// `data_type` is "input" or "target". \throws Error that lists what the file has.
  Scaler const& get(std::string const& data_type, std::string const& var_key) const;
  /// The mean over columns of a variable's variance as a target. \throws Error for a scaler that has none.
  double target_variance(std::string const& var_key) const;
  void set(std::string const& data_type, std::string const& var_key, Scaler);

  std::string to_json() const;
  /// Written beside and renamed. A file already there is kept as `<file>.<UTC stamp>.bak`; returns that name or "".
  std::string save(std::string const& file) const;

private:
  std::map<std::string, std::map<std::string, Scaler>> entries_; ///< data type, variable key
  std::string name_ = "scaler";
};

/// What a scaler is made of: a column's moments and its range.
struct ColumnStatistics {
  Moments moments;
  double minimum = std::numeric_limits<double>::infinity(), maximum = -std::numeric_limits<double>::infinity();
  void add(double value);
  void merge(ColumnStatistics const&);
};

} // namespace rossby
