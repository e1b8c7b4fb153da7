#pragma once
/// \file
/// netCDF files, classic and netCDF-4. All calls take library_lock(). In a build without netCDF every constructor
/// throws, saying so.

#include <rossby/core/array.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby::io {

struct NetcdfVariable {
  std::string name;
  std::vector<std::string> dimensions;
  Shape shape; ///< empty for a scalar
};

/// A file open for reading, until destroyed. Errors name the file and the variable.
class NetcdfReader {
public:
  /// \throws Error when the file is missing, empty, cut short or not netCDF.
  explicit NetcdfReader(std::string file);
  ~NetcdfReader();
  NetcdfReader(NetcdfReader&&) noexcept;
  NetcdfReader& operator=(NetcdfReader&&) noexcept;

  std::string const& file() const;
  std::vector<NetcdfVariable> const& variables() const;
  bool has(std::string const& variable) const;
  /// \throws Error that lists the variables of the file.
  NetcdfVariable const& variable(std::string const& name) const;
  /// Length of a dimension, or nothing when there is none of that name.
  std::optional<index_t> dimension(std::string const& name) const;

  /// A text attribute; `variable` empty: of the file. Nothing when absent or not text.
  std::optional<std::string> text(std::string const& variable, std::string const& attribute) const;
  /// A numeric attribute; empty when absent or text.
  std::vector<double> numbers(std::string const& variable, std::string const& attribute) const;

  /// The whole variable, or the box at `start` with `count` elements along each dimension, row-major. Packed values are
  /// unpacked with scale_factor and add_offset; values equal to _FillValue or missing_value, or outside valid_range,
  /// valid_min, valid_max, become NaN.
  std::vector<double> read(std::string const& variable) const;
  std::vector<double> read(std::string const& variable, Shape const& start, Shape const& count) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class NetcdfType { float64, float32, int64, int32, int16, int8 };

/// How the values of a variable with dimensions lie in their file.
struct NetcdfEncoding {
  int deflate = 0;          ///< level of compression, 1 to 9; 0: none
  bool shuffle = true;      ///< bytes of equal weight side by side before compression
  bool fletcher32 = false;  ///< a checksum with every chunk: damaged values are an error when they are read
  Shape chunks = {};        ///< empty: the library's choice
  bool all_written = false; ///< every element will be written: none is filled in before
};

/// A new netCDF-4 file, written as `<file>.tmp` and renamed by close(): a file of the final name is always whole.
/// Definitions come first; the first write ends them. Destroying an unclosed writer removes what it wrote.
class NetcdfWriter {
public:
  /// \throws Error when the folder can't be written.
  explicit NetcdfWriter(std::string file);
  ~NetcdfWriter();
  NetcdfWriter(NetcdfWriter&&) noexcept;
  NetcdfWriter& operator=(NetcdfWriter&&) noexcept;

  /// `length` 0: unlimited.
  void dimension(std::string const& name, index_t length);
  void variable(std::string const& name, NetcdfType, std::vector<std::string> const& dimensions,
                NetcdfEncoding const& = {});
  /// `variable` empty: an attribute of the file.
  void attribute(std::string const& variable, std::string const& name, std::string const& value);
  /// Stored in the variable's own type (float64 for the file's attributes): _FillValue, scale_factor and the like.
  void attribute(std::string const& variable, std::string const& name, double value);
  void attribute(std::string const& variable, std::string const& name, double value, NetcdfType);

  /// Values are stored as they are, converted to the variable's type (no packing).
  void write(std::string const& variable, std::vector<double> const& values);
  void write(std::string const& variable, Shape const& start, Shape const& count, std::vector<double> const& values);
  void write(std::string const& variable, Shape const& start, Shape const& count, std::vector<float> const& values);

  /// Flushes, syncs and renames. \throws Error (disk full, for instance); the target file is then untouched.
  void close();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace rossby::io
