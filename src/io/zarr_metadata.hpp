#pragma once
/// \file
/// Private to src/io: what the readers of both versions of Zarr's metadata share.

#include "zarr_array.hpp"

#include <string>
#include <vector>

namespace rossby::io {

/// A chunk has at most so many bytes: the limit of c-blosc and of the reference implementation's buffers.
constexpr std::uint64_t most_chunk_bytes = 2147483647;

/// Metadata of one array, with messages that name it.
class ZarrMetadata {
public:
  ZarrMetadata(std::string where, nlohmann::json const& node);

  /// A member; `null` where it is absent.
  nlohmann::json const& operator[](std::string const& key) const { return member(node_, key); }
  static nlohmann::json const& member(nlohmann::json const& of, std::string const& key);
  /// A list of whole numbers of at least `least`.
  Shape lengths(nlohmann::json const& list, std::string const& key, index_t least) const;
  std::string text(nlohmann::json const& value, std::string const& key) const;
  /// A fill value: a number, true or false, "NaN", "Infinity", "-Infinity", or the bits of a floating-point number in
  /// hexadecimal digits.
  double fill(nlohmann::json const& value, ZarrType const&) const;
  /// The names of dimensions; nothing unless there is one for each axis.
  std::optional<std::vector<std::string>> dimensions(nlohmann::json const& list, std::size_t rank) const;
  /// Shapes agree, and are of a size that can be read.
  void check(ZarrArray&) const;
  [[noreturn]] void damaged(std::string const& what) const;

private:
  std::string where_;
  nlohmann::json const& node_;
};

/// The kind of a codec by its name in version 2 (in version 3 after "numcodecs."); nothing for one that is not read.
std::optional<ZarrCodec> zarr_codec(std::string const& name, nlohmann::json const& settings);
/// "float32" and the like, or 'f' and 4. False for what is not read.
bool set_number(ZarrType&, char kind, std::size_t width);
/// The length of a unit of datetime64 in seconds; 0 for one that is not known.
double seconds_of_unit(std::string const& unit);

} // namespace rossby::io
