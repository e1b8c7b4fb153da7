#include <rossby/models/fuxi/config.hpp>

#include "../common_keys.hpp"
#include "family.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {
std::string path(char const* key) { return std::string("model.") + key; }

/// [a, b], or one number for both.
void read_pair(DeckBlock const& block, std::string const& key, std::array<int, 2>& pair)
{
  auto const node = block.child(key);
  if (!node.exists())
    return;
  block.attempt([&] {
    auto const values = node.is_list() ? node.as<std::vector<int>>() : std::vector<int>{node.as<int>()};
    if (values.empty() || values.size() > 2)
      node.reject(fmt::format("has {} entries", values.size()), "give one number, or two");
    pair = {values.front(), values.back()};
  });
}

/// Python's round() of padded / patch / 2: halves go to the even neighbour.
int rounded_half(int padded, int patch)
{
  double const x = static_cast<double>(padded) / patch / 2, low = std::floor(x);
  if (x - low != 0.5)
    return static_cast<int>(std::floor(x + 0.5));
  return static_cast<int>(low) + (static_cast<int>(low) % 2 == 0 ? 0 : 1);
}

bool check_ranges(FuxiConfig const& c, Problems& problems)
{
  RangeCheck check(problems);
  check_fields(c.fields, problems);
  check.at_least("patch_height", c.patch_height, 1);
  check.at_least("patch_width", c.patch_width, 1);
  check.at_least("frame_patch_size", c.frame_patch_size, 1);
  check.at_least("dim", c.dim, 1);
  check.at_least("num_heads", c.num_heads, 1);
  check.at_least("depth", c.depth, 1);
  check.at_least("num_groups", {c.num_groups[0], c.num_groups[1]}, 1);
  check.at_least("window_size", {c.window_size[0], c.window_size[1]}, 1);
  check.rate("proj_drop", c.proj_drop);
  check.rate("attn_drop", c.attn_drop);
  for (double const rate : c.drop_path)
    check.rate("drop_path", rate);
  return check.passed();
}

void check_channels(FuxiConfig const& c, Problems& problems)
{
  for (int const groups : c.num_groups)
    if (c.dim % groups != 0)
      problems.error(path("num_groups"), fmt::format("{} does not divide the {} channels", groups, c.dim),
                     "choose a divisor of dim");
  if (c.dim % c.num_heads != 0)
    problems.error(path("num_heads"), fmt::format("{} does not divide the {} channels", c.num_heads, c.dim),
                   "choose a divisor of dim");
  if (c.drop_path.size() != 1 && c.drop_path.size() != static_cast<std::size_t>(c.depth))
    problems.error(path("drop_path"), fmt::format("has {} entries for {} blocks", c.drop_path.size(), c.depth),
                   "give one number, or one for each block");
  if (c.fields.frames / c.frame_patch_size != 1)
    problems.error(
        path("frame_patch_size"),
        fmt::format("is {} for {} frames: patches must span all frames once", c.frame_patch_size, c.fields.frames),
        fmt::format("set it to {}", c.fields.frames));
  if (c.fields.output_frames != 1)
    problems.error(path("output_frames"), fmt::format("is {}", c.fields.output_frames), "the model gives one frame");
}

void check_grid(FuxiConfig const& c, Problems& problems)
{
  struct Axis {
    char const *name, *key;
    int padded, patch, before, after, image;
  };
  auto const& p = c.padding;
  Axis const axes[2] = {{"rows", "patch_height", c.padded_height(), c.patch_height, p.top, p.bottom, c.fields.height},
                        {"columns", "patch_width", c.padded_width(), c.patch_width, p.left, p.right, c.fields.width}};

  for (std::size_t i = 0; i < 2; ++i) {
    Axis const& a = axes[i];
    int const patches = a.padded / a.patch, low = (patches + 1) / 2, rounded = rounded_half(a.padded, a.patch);
    if (patches == 0 || low != rounded) {
      problems.error(path(a.key),
                     fmt::format("{} makes {} patches of {} padded {}, which halve to {} cells where CREDIT expects {}",
                                 a.patch, patches, a.padded, a.name, low, rounded),
                     fmt::format("pad to a multiple of {}", 2 * a.patch));

      continue;
    }
    int const left = 2 * low * a.patch - a.before - a.after;
    if (left < 1 || (!c.interp && left != a.image)) {
      problems.error(
          path(left < 1 ? "padding_conf" : "interp"),
          fmt::format("the decoder gives {} {} without the padding, the image has {}", left, a.name, a.image),
          left < 1 ? "pad less" : "set it to true");
    }
    if (int const tokens = c.tokens()[i], window = c.window()[i]; tokens % window != 0)
      problems.error(path("window_size"),
                     fmt::format("[{}, {}]: windows of {} do not divide {} {} of tokens", c.window_size[0],
                                 c.window_size[1], window, tokens, a.name),
                     "give one number");
  }
}
} // namespace

Family fuxi_family()
{
  return {{"fuxi"}, [](DeckBlock const& block, std::string const& type) -> std::shared_ptr<Spec const> {
            return FuxiConfig::read(block, type);
          }};
}

std::array<int, 2> FuxiConfig::window_margin(int axis) const
{
  auto const i = static_cast<std::size_t>(axis);
  int const w = window_size[i], all = (w - low()[i] % w) % w;
  return {all / 2, all - all / 2};
}

std::array<int, 2> FuxiConfig::tokens() const
{
  auto const rows = window_margin(0), columns = window_margin(1);
  return {low()[0] + rows[0] + rows[1], low()[1] + columns[0] + columns[1]};
}

std::array<int, 2> FuxiConfig::window() const
{
  return {std::min(window_size[0], tokens()[0]), std::min(window_size[0], tokens()[1])};
}

std::array<int, 2> FuxiConfig::shift() const
{
  int const s = window_size[0] / 2;
  return {tokens()[0] <= window_size[0] ? 0 : s, tokens()[1] <= window_size[0] ? 0 : s};
}

void FuxiConfig::check(Problems& problems) const
{
  if (!check_ranges(*this, problems))
    return;
  check_padding(padding, fields, problems);
  check_channels(*this, problems);
  check_grid(*this, problems);
}

std::string FuxiConfig::fingerprint() const
{
  return fingerprint_of(type(), fields) +
         fmt::format("patch_height: {}\npatch_width: {}\nframe_patch_size: {}\ndim: {}\nnum_groups: [{}, {}]\n"
                     "num_heads: {}\ndepth: {}\nwindow_size: [{}, {}]\nuse_spectral_norm: {}\ninterp: {}\n",
                     patch_height, patch_width, frame_patch_size, dim, num_groups[0], num_groups[1], num_heads, depth,
                     window_size[0], window_size[1], spectral_norm, interp) +
         fingerprint_of(padding);
}

std::shared_ptr<FuxiConfig const> FuxiConfig::read(DeckBlock const& block, std::string const&)
{
  auto const c = std::make_shared<FuxiConfig>();
  read_fields(block, c->fields);
  block("patch_height", c->patch_height);
  block("patch_width", c->patch_width);
  block("frame_patch_size", c->frame_patch_size);
  block("dim", c->dim);
  read_pair(block, "num_groups", c->num_groups);
  block("num_heads", c->num_heads);
  block("depth", c->depth);
  read_pair(block, "window_size", c->window_size);
  block("proj_drop", c->proj_drop);
  block("attn_drop", c->attn_drop);
  if (double rate = 0; block.child("drop_path").is_list())
    block("drop_path", c->drop_path);
  else if (block("drop_path", rate))
    c->drop_path = {rate};
  block("use_spectral_norm", c->spectral_norm);
  block("interp", c->interp);
  if (block("freeze", c->freeze) && c->freeze)
    block.problems().warning(block.path("freeze"), "is true: no parameter of the model will be trained");
  read_padding(block, c->padding);
  if (bool noise = false; block("use_noise", noise) && noise)
    block.problems().error(block.path("use_noise"), "noise injection is not offered: CREDIT's class fails with it",
                           "set it to false");
  for (char const* key : {"noise_latent_dim", "noise_factor", "noise_scheduler"})
    block.ignore(key, "noise injection is off");
  read_ignored(block);
  return c;
}

std::vector<PartCost> FuxiConfig::parts() const
{
  auto const cells = [](std::array<int, 2> const& grid) { return static_cast<double>(grid[0]) * grid[1]; };
  auto const [rows, columns] = low();
  std::array<int, 2> const embedded = patches(), small = low(), doubled{2 * rows, 2 * columns}, wide = tokens();
  auto const window_cells = static_cast<double>(window()[0]) * window()[1];
  double const d = dim, patch = static_cast<double>(patch_height) * patch_width;
  auto const part = [&](std::string name, std::array<int, 2> const& grid, int channels, double flops) {
    return PartCost{std::move(name), grid[0], grid[1], channels, flops};
  };
  std::vector<PartCost> list{
      part("cube", embedded, dim, 2 * cells(embedded) * d * fields.in() * frame_patch_size * patch),
      part("down", small, dim, 54 * cells(small) * d * d)};
  double const block = 24 * cells(wide) * d * d + 4 * cells(wide) * window_cells * d;
  list.push_back(part(fmt::format("{} blocks", depth), wide, dim, depth * block));
  list.push_back(part("up", doubled, dim, 16 * cells(small) * d * d + 36 * cells(doubled) * d * d));
  list.push_back(part("fc", {doubled[0] * patch_height, doubled[1] * patch_width}, fields.out(),
                      2 * cells(doubled) * d * patch * fields.out()));
  return list;
}

} // namespace rossby
