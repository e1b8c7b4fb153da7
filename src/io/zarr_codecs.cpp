#include "zarr_codecs.hpp"

#include "little_endian.hpp"
#include "zarr_metadata.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace rossby::io {

namespace {
/// Byte i of every element lies beside those of the others; a rest that is not a whole element is as it was.
Bytes unshuffle(Bytes const& from, std::size_t width)
{
  Bytes to(from.size);
  std::size_t const n = from.size / width;
  for (std::size_t b = 0; b < width; ++b)
    for (std::size_t i = 0; i < n; ++i)
      to.data[i * width + b] = from.data[b * n + i];
  std::copy(from.data.get() + n * width, from.data.get() + from.size, to.data.get() + n * width);
  return to;
}

Bytes without_sum(Bytes from)
{
  if (from.size < 4)
    throw CodecError("it is too short for its checksum");
  from.cut(from.size - 4);
  if (crc32c(from.data.get(), from.size) != little<std::uint32_t>(from.data.get() + from.size))
    throw CodecError("its checksum (crc32c) does not agree");
  return from;
}
} // namespace

std::uint32_t crc32c(char const* bytes, std::size_t count)
{
  static auto const table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit)
        c = (c >> 1) ^ ((c & 1u) ? 0x82F63B78u : 0u);
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t sum = ~std::uint32_t{0};
  for (std::size_t i = 0; i < count; ++i)
    sum = (sum >> 8) ^ table[(sum ^ static_cast<unsigned char>(bytes[i])) & 0xffu];
  return ~sum;
}

Bytes decode(std::vector<ZarrCodec> const& codecs, Bytes encoded, std::size_t decoded)
{
  using Kind = ZarrCodec::Kind;
  // What goes into each codec is known as long as those before it don't change the size by what the data are.
  std::vector<std::optional<std::size_t>> into(codecs.size());
  std::optional<std::size_t> size = decoded;
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    into[i] = size;
    if (codecs[i].kind == Kind::crc32c && size)
      *size += 4;
    else if (codecs[i].kind != Kind::shuffle)
      size.reset();
  }
  if (size && encoded.size != *size)
    throw CodecError(fmt::format("it has {} bytes instead of {}", encoded.size, *size));
  for (std::size_t i = codecs.size(); i-- > 0;)
    switch (codecs[i].kind) {
    case Kind::shuffle:
      encoded = unshuffle(encoded, codecs[i].element);
      break;
    case Kind::crc32c:
      encoded = without_sum(std::move(encoded));
      break;
    default: // compressors grow what they can't compress by less than this
      encoded = decompress(codecs[i].kind, encoded, into[i], into[i].value_or(2 * decoded + 65536));
    }
  if (encoded.size != decoded)
    throw CodecError(fmt::format("it has {} bytes once decoded instead of {}", encoded.size, decoded));
  return encoded;
}

char const* name_of(ZarrCodec::Kind kind)
{
  switch (kind) {
  case ZarrCodec::Kind::shuffle:
    return "shuffle";
  case ZarrCodec::Kind::blosc:
    return "blosc";
  case ZarrCodec::Kind::zstd:
    return "zstd";
  case ZarrCodec::Kind::zlib:
    return "zlib";
  case ZarrCodec::Kind::gzip:
    return "gzip";
  case ZarrCodec::Kind::lz4:
    return "lz4";
  case ZarrCodec::Kind::crc32c:
    break;
  }
  return "crc32c";
}

} // namespace rossby::io
