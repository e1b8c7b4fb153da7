#pragma once
/// \file
/// Private to src/train: files of weights of any format, as arrays in global shapes under Rossby's paths:
/// "/model/<name>", "/ema/<name>", "/optimizer/<name>/exp_avg". The names of parameters are the file's
/// (see parameter_names.hpp).

#include "seal.hpp"

#include "io/hdf5.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// How much of a run is wanted: what is not may be absent, damaged or of another epoch.
enum class Extent { weights, averages, run };

class ArraySource {
public:
  virtual ~ArraySource() = default;
  virtual std::string const& path() const = 0;
  /// True for an array or for a group of them.
  virtual bool exists(std::string const& name) const = 0;
  /// Names of the arrays directly in a group.
  virtual std::vector<std::string> list(std::string const& group) const = 0;
  virtual Shape shape(std::string const& array) const = 0;
  /// float64 for 64-bit floating point, float32 for what is narrower.
  virtual DType dtype(std::string const& array) const = 0;
  /// Of boxes that don't overlap: all their values, ordered by position in the array.
  virtual std::vector<double> read_boxes(std::string const& array, std::vector<io::Hyperslab> const& boxes) const = 0;
  /// A single number, such as a count of steps.
  virtual double number(std::string const& array) const = 0;
  /// Of the whole array, as train/weights.hpp defines it; nothing where the format has other means.
  virtual std::optional<std::int64_t> checksum(std::string const& array) const = 0;
  /// Those other means: reader `part` of `parts` compares its share. \throws Error for damage.
  virtual void verify(int part, int parts) const = 0;
};

class Hdf5Source final : public ArraySource {
public:
  /// Reads the seal of a file that has one.
  explicit Hdf5Source(std::string const& path);
  io::Hdf5File const& file() const { return file_; }
  bool sealed() const { return contents_.has_value(); }

  std::string const& path() const override { return file_.path(); }
  bool exists(std::string const& name) const override { return file_.exists(name); }
  std::vector<std::string> list(std::string const& group) const override { return file_.list(group); }
  Shape shape(std::string const& array) const override { return file_.shape(array); }
  DType dtype(std::string const& array) const override { return file_.dtype(array); }
  std::vector<double> read_boxes(std::string const& array, std::vector<io::Hyperslab> const& boxes) const override
  {
    return file_.read_boxes(array, boxes);
  }
  double number(std::string const& array) const override;
  std::optional<std::int64_t> checksum(std::string const& array) const override;
  /// The first reader compares what the file holds with its seal.
  void verify(int part, int parts) const override;

private:
  io::Hdf5File file_;
  std::optional<SealedContents> contents_;
  bool own_;
};

/// HDF5, or what TensorFile reads; told by the first bytes.
std::unique_ptr<ArraySource> open_weights(std::string const& path, Extent);
bool is_hdf5(std::string const& path);

} // namespace rossby
