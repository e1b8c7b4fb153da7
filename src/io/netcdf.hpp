#pragma once
/// \file
/// netCDF-4 files that are written; ArrayReader (array_reader.hpp) reads them. All calls take library_lock(). In a
/// build without netCDF the constructor throws, saying so.

#include <rossby/core/array.hpp>

#include <memory>
#include <string>
#include <vector>

namespace rossby::io {

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
