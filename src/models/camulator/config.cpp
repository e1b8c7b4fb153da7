#include <rossby/models/camulator/config.hpp>

#include "../common_keys.hpp"
#include "family.hpp"

#include <fmt/format.h>

namespace rossby {

Family camulator_family()
{
  return {{"camulator"}, [](DeckBlock const& block, std::string const& type) -> std::shared_ptr<Spec const> {
            return CamulatorConfig::read(block, type);
          }};
}

PyramidConfig::Variant CamulatorConfig::variant() const
{
  Variant v;
  v.mean_of_frames = true;
  v.centred_kernels = true;
  v.details = {false, false};
  v.patch_height = patch_height;
  v.patch_width = patch_width;
  return v;
}

void CamulatorConfig::check(Problems& problems) const
{
  RangeCheck range(problems);
  range.at_least("patch_height", patch_height, 1);
  range.at_least("patch_width", patch_width, 1);
  if (!range.passed())
    return;
  if ((patch_height > 1) != (patch_width > 1))
    problems.error(
        patch_height > 1 ? "model.patch_width" : "model.patch_height",
        "is 1 while the other is larger: CREDIT embeds patches only if both are, and then can't use the result",
        "make both 1, or both larger");
  else if (patch_height > 1 && padding.active)
    problems.error("model.patch_height",
                   fmt::format("is {} with padding: the patches are laid on the unpadded grid", patch_height),
                   "set it to 1, or switch padding_conf off");
  if (patch_height == 1 && fields.frames > 3)
    problems.error("model.frames",
                   fmt::format("is {}: frames are averaged in pairs, and only one pair may result", fields.frames),
                   "give 1, 2 or 3");
  if (fields.output_frames != 1)
    problems.error("model.output_frames", fmt::format("is {}", fields.output_frames), "the model gives one frame");
  if (range.passed())
    PyramidConfig::check(problems);
}

std::string CamulatorConfig::fingerprint() const
{
  return PyramidConfig::fingerprint() + fmt::format("patch_height: {}\npatch_width: {}\n", patch_height, patch_width) +
         fingerprint_of(padding);
}

std::shared_ptr<CamulatorConfig const> CamulatorConfig::read(DeckBlock const& block, std::string const&)
{
  auto const c = std::make_shared<CamulatorConfig>();
  read_keys(block, *c);
  block("patch_height", c->patch_height);
  block("patch_width", c->patch_width);
  block.ignore("output_frames", "the model gives one frame");
  block.ignore("frame_patch_size", "frames are averaged in pairs");
  block.ignore("diffusion", "it has no effect on this model");
  read_ignored(block);
  return c;
}

} // namespace rossby
