#include "zarr_codecs.hpp"

namespace rossby::io {

namespace {
[[noreturn]] void refuse(ZarrCodec::Kind kind)
{
  throw CodecError(std::string("this build of Rossby has no ") + name_of(kind) +
                   "; configure it with -DROSSBY_ENABLE_ZARR=ON");
}
} // namespace

Bytes decompress(ZarrCodec::Kind kind, Bytes const&, std::optional<std::size_t>, std::size_t) { refuse(kind); }
bool can_compress() { return false; }
Bytes compress(ZarrCodec::Kind kind, Bytes const&, std::size_t, int) { refuse(kind); }

} // namespace rossby::io
