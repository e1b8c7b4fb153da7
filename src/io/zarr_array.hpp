#pragma once
/// \file
/// Private to src/io: what the metadata of a Zarr array say, in the terms in which both versions of the format are
/// read.

#include "json_file.hpp"

#include "io/array_reader.hpp"

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace rossby::io {

/// A step between a chunk's elements and the bytes of its file.
struct ZarrCodec {
  enum class Kind { shuffle, blosc, zstd, zlib, gzip, lz4, crc32c } kind = Kind::zstd;
  std::size_t element = 4; ///< shuffle: bytes of what it takes for an element
};

struct ZarrType {
  StoredType stored = StoredType::other;
  std::size_t width = 1; ///< bytes of an element
  bool big_endian = false;
  bool is_half = false; ///< stored: float32
  double seconds = 0;   ///< of one count of a datetime64; 0: a number. Times are read as seconds since 1970.
  bool has_order() const { return width > 1; }
};

/// An array is cut into chunks, the units of encoding. A file holds one chunk or, sharded, a block of them with an
/// index. All files have the full shape, beyond the array's end too.
struct ZarrArray {
  ArrayInfo info;
  std::string refusal; ///< why its numbers can't be read; empty: they can
  ZarrType type;
  Shape chunk;                   ///< shape of a chunk, along the array's axes
  Shape per_file;                ///< chunks of a file along each axis: 1 unless sharded
  std::vector<int> axes;         ///< encoded axis i is axis axes[i] of the array
  std::vector<ZarrCodec> codecs; ///< of a chunk, in the order of encoding
  bool sharded = false, index_first = false, index_checked = false;
  std::string prefix;                                     ///< of a file's key: "c" or nothing
  char separator = '.';                                   ///< between the numbers of a key
  double fill = std::numeric_limits<double>::quiet_NaN(); ///< of chunks that are not there; NaN: also where undefined
  std::optional<double> missing;                          ///< what counts as _FillValue where no attribute says so
  nlohmann::json attributes;

  /// Elements of a chunk, and bytes once it is decoded.
  std::size_t elements() const { return static_cast<std::size_t>(product(chunk)); }
  std::size_t bytes() const { return elements() * type.width; }
  /// Chunks of a file.
  std::size_t in_file() const { return static_cast<std::size_t>(product(per_file)); }
  /// The file at a place of the grid of files.
  std::string key(Shape const& file) const;
};

/// Reads `.zarray` and `.zattrs`, or `zarr.json`. Nothing for an array whose dimensions have no names, and (version 3)
/// for what is not an array. What is legal but can't be read here goes into `refusal`. \throws Error for what is
/// damaged.
std::optional<ZarrArray> read_zarr_v2(std::string const& name, std::string const& where, nlohmann::json const& array,
                                      nlohmann::json const& attributes);
std::optional<ZarrArray> read_zarr_v3(std::string const& name, std::string const& where, nlohmann::json const& node);

} // namespace rossby::io
