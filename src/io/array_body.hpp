#pragma once
/// \file
/// Private to src/io: what a kind of files must offer to be read through ArrayReader, which looks up names, checks
/// boxes and turns stored numbers into physical ones.

#include "io/array_reader.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby::io {

class ArrayBody {
public:
  static constexpr int of_file = -1; ///< in place of an array's number: the file's own attributes

  virtual ~ArrayBody() = default;
  virtual std::vector<ArrayInfo> const& arrays() const = 0;
  virtual std::optional<index_t> dimension(std::string const& name) const = 0;
  virtual std::optional<std::string> text(int array, std::string const& attribute) const = 0;
  virtual std::vector<double> numbers(int array, std::string const& attribute) const = 0;
  /// The type of a numeric attribute, where files of this kind say it.
  virtual std::optional<StoredType> attribute_type(int, std::string const&) const { return std::nullopt; }
  /// The numbers of a box that lies within the array and is not empty, as they are stored, row-major.
  virtual void read(int array, Shape const& start, Shape const& count, double* values) const = 0;
  /// What elements that were never written hold where no attribute says so, for instance netCDF's default fill values.
  virtual std::optional<double> fill(int array) const = 0;
};

std::unique_ptr<ArrayBody> open_netcdf(std::string const& file);
/// A folder with the metadata of a Zarr store or array.
bool is_zarr(std::string const& path);
std::unique_ptr<ArrayBody> open_zarr(std::string const& path);

} // namespace rossby::io
