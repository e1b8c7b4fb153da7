// Compressors by the libraries that define their formats. A result's size is compared with what the compressed bytes
// can hold at all, at each format's greatest ratio, before memory is taken for it.
#include "little_endian.hpp"
#include "zarr_codecs.hpp"

#include <blosc.h>
#include <fmt/format.h>
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace rossby::io {

namespace {
using Kind = ZarrCodec::Kind;

// A block of zstd of 128 KiB may be four bytes; a byte of deflate 1032; one of lz4's lengths counts 255.
constexpr std::size_t zstd_ratio = 32768, deflate_ratio = 1040, lz4_ratio = 255;

/// Memory for a result of a claimed size.
Bytes room_for(std::size_t claimed, Bytes const& encoded, std::optional<std::size_t> expected, std::size_t most,
               std::size_t ratio)
{
  if (expected && claimed != *expected)
    throw CodecError(fmt::format("it says that it holds {} bytes instead of {}", claimed, *expected));
  if (claimed > most || claimed > ratio * (encoded.size + 8))
    throw CodecError(fmt::format("{} bytes can't hold the {} that it says", encoded.size, claimed));
  return Bytes(claimed);
}

Bytes unblosc(Bytes const& from, std::optional<std::size_t> expected, std::size_t most)
{
  std::size_t size = 0;
  if (from.size < BLOSC_MIN_HEADER_LENGTH || blosc_cbuffer_validate(from.data.get(), from.size, &size) != 0)
    throw CodecError("its blosc header is damaged");
  Bytes to = room_for(size, from, expected, most, zstd_ratio);
  int const got = blosc_decompress_ctx(from.data.get(), to.data.get(), to.size, 1);
  if (got < 0 || static_cast<std::size_t>(got) != to.size) {
    auto const* const library = blosc_cbuffer_complib(from.data.get());
    throw CodecError(fmt::format("blosc ({}) can't decompress it", library ? library : "unknown compressor"));
  }
  return to;
}

Bytes unlz4(Bytes const& from, std::optional<std::size_t> expected, std::size_t most)
{
  if (from.size < 4)
    throw CodecError("it is too short for lz4");
  Bytes to = room_for(little<std::uint32_t>(from.data.get()), from, expected, most, lz4_ratio);
  if (from.size - 4 > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw CodecError("it is too long for lz4");
  int const got = LZ4_decompress_safe(from.data.get() + 4, to.data.get(), static_cast<int>(from.size - 4),
                                      static_cast<int>(to.size));
  if (got < 0 || static_cast<std::size_t>(got) != to.size)
    throw CodecError("lz4 can't decompress it");
  return to;
}

/// Streams whose results have a size that shows at the end. `step` moves bytes on from `from` at `used` to `to` at
/// `made`, and returns true at the end.
template <class Step>
Bytes grow(Bytes const& from, std::optional<std::size_t> expected, std::size_t most, std::size_t ratio, Step&& step)
{
  std::size_t const limit = std::min(most, ratio * (from.size + 8));
  if (expected && *expected > limit)
    throw CodecError(fmt::format("its {} bytes can't hold {}", from.size, *expected));
  Bytes to(expected ? *expected : std::min(limit, 4 * from.size + 1024));
  std::size_t made = 0;
  while (!step(to, made)) {
    if (made < to.size)
      throw CodecError("it is cut short");
    if (to.size >= limit || expected)
      throw CodecError("it holds more bytes than it should");
    Bytes larger(std::min(limit, 2 * to.size));
    std::copy_n(to.data.get(), made, larger.data.get());
    to = std::move(larger);
  }
  to.cut(made);
  return to;
}

Bytes unzstd(Bytes const& from, std::optional<std::size_t> expected, std::size_t most)
{
  struct Stream {
    ZSTD_DCtx* handle = ZSTD_createDCtx();
    ~Stream() { ZSTD_freeDCtx(handle); }
  } const stream;
  if (!stream.handle)
    throw CodecError("there is no memory for zstd");
  ZSTD_inBuffer in{from.data.get(), from.size, 0};
  return grow(from, expected, most, zstd_ratio, [&](Bytes& to, std::size_t& made) {
    ZSTD_outBuffer out{to.data.get(), to.size, made};
    std::size_t left = 1;
    // An empty room is offered too: what is left of a frame may hold no bytes.
    do {
      std::size_t const before = in.pos + out.pos;
      left = ZSTD_decompressStream(stream.handle, &out, &in);
      if (ZSTD_isError(left))
        throw CodecError(fmt::format("zstd can't decompress it ({})", ZSTD_getErrorName(left)));
      if (in.pos + out.pos == before)
        break;
    } while (left != 0 || in.pos < in.size);
    made = out.pos;
    return left == 0 && in.pos == in.size;
  });
}

/// zlib's form of deflate, or gzip's, which may have several members and zeros after them.
Bytes inflate_all(Bytes const& from, std::optional<std::size_t> expected, std::size_t most, bool gzip)
{
  struct Stream {
    z_stream z{};
    bool begun = false;
    ~Stream()
    {
      if (begun)
        inflateEnd(&z);
    }
  } s;
  s.begun = inflateInit2(&s.z, gzip ? 31 : 15) == Z_OK;
  if (!s.begun)
    throw CodecError("there is no memory for zlib");
  auto* const begin = reinterpret_cast<Bytef*>(from.data.get());
  s.z.next_in = begin;
  s.z.avail_in = static_cast<uInt>(from.size);
  auto const only_zeros = [&] { return std::all_of(s.z.next_in, begin + from.size, [](Bytef b) { return b == 0; }); };
  return grow(from, expected, most, deflate_ratio, [&](Bytes& to, std::size_t& made) {
    for (;;) {
      s.z.next_out = reinterpret_cast<Bytef*>(to.data.get()) + made;
      s.z.avail_out = static_cast<uInt>(to.size - made);
      int const code = inflate(&s.z, Z_NO_FLUSH);
      made = to.size - s.z.avail_out;
      if (code == Z_STREAM_END) {
        if (s.z.avail_in == 0 || (gzip && only_zeros()))
          return true;
        if (!gzip)
          throw CodecError("it has bytes after its end");
        inflateReset(&s.z);
      } else if (code == Z_BUF_ERROR) { // no room, or no more to read
        return false;
      } else if (code != Z_OK) {
        throw CodecError(fmt::format("zlib can't decompress it ({})", s.z.msg ? s.z.msg : "damaged"));
      }
    }
  });
}

Bytes checked(std::size_t size, Bytes to)
{
  to.cut(size);
  return to;
}
} // namespace

Bytes decompress(ZarrCodec::Kind kind, Bytes const& from, std::optional<std::size_t> expected, std::size_t most)
{
  if (from.size > std::numeric_limits<uInt>::max())
    throw CodecError("it is longer than a compressed chunk can be");
  switch (kind) {
  case Kind::blosc:
    return unblosc(from, expected, most);
  case Kind::lz4:
    return unlz4(from, expected, most);
  case Kind::zstd:
    return unzstd(from, expected, most);
  case Kind::zlib:
  case Kind::gzip:
    return inflate_all(from, expected, most, kind == Kind::gzip);
  case Kind::shuffle:
  case Kind::crc32c:
    break;
  }
  throw CodecError("there is nothing to decompress");
}

bool can_compress() { return true; }

Bytes compress(ZarrCodec::Kind kind, Bytes const& from, std::size_t element, int level)
{
  if (kind == Kind::blosc) {
    Bytes to(from.size + BLOSC_MAX_OVERHEAD);
    int const size = blosc_compress_ctx(level, BLOSC_SHUFFLE, element, from.size, from.data.get(), to.data.get(),
                                        to.size, "lz4", 0, 1);
    if (size <= 0)
      throw CodecError("blosc can't compress it");
    return checked(static_cast<std::size_t>(size), std::move(to));
  }
  if (kind == Kind::zstd) {
    Bytes to(ZSTD_compressBound(from.size));
    std::size_t const size = ZSTD_compress(to.data.get(), to.size, from.data.get(), from.size, level);
    if (ZSTD_isError(size))
      throw CodecError("zstd can't compress it");
    return checked(size, std::move(to));
  }
  if (kind == Kind::zlib) {
    uLongf size = compressBound(from.size);
    Bytes to(size);
    if (compress2(reinterpret_cast<Bytef*>(to.data.get()), &size, reinterpret_cast<Bytef const*>(from.data.get()),
                  from.size, level) != Z_OK)
      throw CodecError("zlib can't compress it");
    return checked(size, std::move(to));
  }
  throw CodecError(fmt::format("{} is only read, not written", name_of(kind)));
}

} // namespace rossby::io
