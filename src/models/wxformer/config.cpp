#include <rossby/models/wxformer/config.hpp>

#include "../common_keys.hpp"
#include "family.hpp"

#include <fmt/format.h>

namespace rossby {

Family wxformer_family()
{
  return {{"wxformer", "wxformer_base", "crossformer"},
          [](DeckBlock const& block, std::string const& type) -> std::shared_ptr<Spec const> {
            return WXFormerConfig::read(block, type);
          }};
}

PyramidConfig::Variant WXFormerConfig::variant() const
{
  Variant v;
  if (kind == Type::wxformer)
    return v;
  v.centred_kernels = true;
  v.upsampling = upsample_v_conv ? Upsampling::bilinear : Upsampling::transposed;
  return v;
}

std::string WXFormerConfig::fingerprint() const
{
  return PyramidConfig::fingerprint() + fmt::format("upsample_v_conv: {}\n", upsample_v_conv) + fingerprint_of(padding);
}

std::shared_ptr<WXFormerConfig const> WXFormerConfig::read(DeckBlock const& block, std::string const& type)
{
  auto const c = std::make_shared<WXFormerConfig>();
  c->kind = type == "crossformer" ? Type::crossformer : Type::wxformer;
  read_keys(block, *c);
  block("output_frames", c->fields.output_frames);
  for (char const* key : {"patch_height", "patch_width"}) {
    int patch = 1;
    if (block(key, patch) && patch != 1)
      block.problems().error(block.path(key),
                             fmt::format("is {}: a patch embedding is not offered (its reshape takes the unpadded grid "
                                         "size and its channels assume one frame, so few set-ups could work)",
                                         patch),
                             "set it to 1 and let cross_embed_strides coarsen the grid");
  }
  if (block.has("diffusion")) {
    bool diffusion = false;
    if (block("diffusion", diffusion) && diffusion)
      block.problems().error(block.path("diffusion"), "diffusion models are not offered", "remove it");
  }
  read_ignored(block);
  block.ignore("frame_patch_size", "frames are joined as channels");
  block.ignore("decoder_attention_type", "the decoder has no attention");
  block.ignore("upsample_with_ps", "the decoder follows from model.type");
  if (c->kind == Type::wxformer) {
    block.ignore("attention_type", "wxformer has no decoder attention");
    block.ignore("upsample_v_conv", "wxformer upsamples by pixel shuffle; crossformer knows this key");
    return c;
  }
  block("upsample_v_conv", c->upsample_v_conv);
  if (std::string attention; block("attention_type", attention) && attention != "none" && attention != "None")
    block.problems().error(block.path("attention_type"),
                           fmt::format("decoder attention '{}' is not offered", attention),
                           "remove the key or set it to none");
  return c;
}

} // namespace rossby
