#pragma once
/// \file
/// Private to src/io: from the bytes of a file to those of a chunk, and back.

#include "zarr_array.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rossby::io {

/// Bytes that nobody has set to zero first.
struct Bytes {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;

  Bytes() = default;
  explicit Bytes(std::size_t n) : data(new char[n]), size(n) {}
  /// Leaves the first `n`.
  void cut(std::size_t n) { size = n; }
};

/// What is wrong with encoded bytes.
struct CodecError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Undoes the codecs, from the last to the first. \throws CodecError unless exactly `decoded` bytes come of it. No more
/// memory is taken than the file's bytes can account for.
Bytes decode(std::vector<ZarrCodec> const&, Bytes encoded, std::size_t decoded);

/// What the linked libraries do; a build without them refuses. `expected`: the size of the result, where it is known;
/// never more than `most`. \throws CodecError.
Bytes decompress(ZarrCodec::Kind, Bytes const& encoded, std::optional<std::size_t> expected, std::size_t most);
/// `element`: bytes of a number, which blosc shuffles. Level 1 to 9.
Bytes compress(ZarrCodec::Kind, Bytes const& plain, std::size_t element, int level);
/// False in a build without compressors: what it writes is not compressed.
bool can_compress();
/// Name of a codec in messages and in version 2's metadata.
char const* name_of(ZarrCodec::Kind);

/// The Castagnoli sum.
std::uint32_t crc32c(char const* bytes, std::size_t count);

} // namespace rossby::io
