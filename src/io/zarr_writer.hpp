#pragma once
/// \file
/// Zarr stores of version 2 that are written, with the attributes by which xarray and others know dimensions.

#include "io/netcdf.hpp"

#include <memory>
#include <string>
#include <vector>

namespace rossby::io {

/// A new store, laid out by one process under the name `<path>.tmp`; chunks may then be added by any
/// (write_zarr_chunk), and finish_zarr gives it its name. Defined as netCDF files are. A variable that is written as a
/// whole has one chunk; others have the chunks of their encoding, and a compressor: blosc (lz4, shuffled), or zlib
/// where the encoding has a level of deflate; a build without compressors writes none.
class ZarrWriter {
public:
  /// Removes what an earlier run has left under the unfinished name. \throws Error when the folder can't be made.
  explicit ZarrWriter(std::string path);
  ~ZarrWriter();
  ZarrWriter(ZarrWriter const&) = delete;
  ZarrWriter& operator=(ZarrWriter const&) = delete;

  void dimension(std::string const& name, index_t length);
  void variable(std::string const& name, NetcdfType, std::vector<std::string> const& dimensions,
                NetcdfEncoding const& = {});
  /// `variable` empty: an attribute of the store.
  void attribute(std::string const& variable, std::string const& name, std::string const& value);
  void attribute(std::string const& variable, std::string const& name, double value);
  /// All of a variable, uncompressed.
  void write(std::string const& variable, std::vector<double> const& values);
  /// Writes the metadata: the store is laid out.
  void close();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The chunk at a place of an unfinished store's variable, with its full shape, row-major; synced. Type and encoding
/// are those that the variable was defined with. Several processes may write several chunks at once.
void write_zarr_chunk(std::string const& path, std::string const& variable, Shape const& place, NetcdfType,
                      NetcdfEncoding const&, std::vector<double> const& values);
/// Gives the unfinished store its name, in the place of an older one. \throws Error
void finish_zarr(std::string const& path);
/// Removes the unfinished store, if there is one.
void discard_zarr(std::string const& path) noexcept;

} // namespace rossby::io
