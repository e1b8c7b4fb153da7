#pragma once
/// \file
/// Named arrays with dimensions and attributes, read by boxes: netCDF and HDF5 files, Zarr stores.

#include <rossby/core/array.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby::io {

/// How numbers lie in a file. `other`: text and whatever else holds no numbers.
enum class StoredType { int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64, other };

struct ArrayInfo {
  std::string name;
  std::vector<std::string> dimensions;
  Shape shape; ///< empty for a scalar
  StoredType type = StoredType::other;
};

class ArrayBody;

/// A file or a store open for reading, until destroyed. Errors name the file and the variable. What it is, is told by
/// its content: a folder with Zarr's metadata is a Zarr store, a file with the first bytes of netCDF or HDF5 one of
/// those. Several threads may read at once; calls of the netCDF library take library_lock().
class ArrayReader {
public:
  /// \throws Error when it is missing, empty, cut short, of another kind, or of a kind that this build can't read.
  explicit ArrayReader(std::string path);
  ~ArrayReader();
  ArrayReader(ArrayReader&&) noexcept;
  ArrayReader& operator=(ArrayReader&&) noexcept;

  std::string const& file() const;
  std::vector<ArrayInfo> const& variables() const;
  bool has(std::string const& variable) const;
  /// \throws Error that lists the variables of the file.
  ArrayInfo const& variable(std::string const& name) const;
  /// Length of a dimension, or nothing when there is none of that name.
  std::optional<index_t> dimension(std::string const& name) const;

  /// A text attribute; `variable` empty: of the file. Nothing when absent or not text.
  std::optional<std::string> text(std::string const& variable, std::string const& attribute) const;
  /// A numeric attribute; empty when absent or text.
  std::vector<double> numbers(std::string const& variable, std::string const& attribute) const;

  /// The whole variable, or the box at `start` with `count` elements along each dimension, row-major, as the CF and
  /// netCDF conventions say: signs by _Unsigned; NaN for what equals _FillValue or missing_value (without a _FillValue:
  /// the library's default fill) or lies outside valid_range, valid_min, valid_max; unpacked with scale_factor and
  /// add_offset.
  std::vector<double> read(std::string const& variable) const;
  std::vector<double> read(std::string const& variable, Shape const& start, Shape const& count) const;
  /// For messages: which attributes make values of the box missing, and how many; empty when none is.
  std::string why_missing(std::string const& variable, Shape const& start, Shape const& count) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby::io
