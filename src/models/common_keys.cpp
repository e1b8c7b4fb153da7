#include "common_keys.hpp"

#include <fmt/format.h>

#include <limits>

namespace rossby {

namespace {
/// An amount for each of two sides: [a, b], or one number for both.
void read_sides(DeckBlock const& block, std::string const& key, int& first, int& second)
{
  auto const node = block.child(key);
  if (!node.exists())
    return;
  block.attempt([&] {
    if (node.is_scalar()) {
      first = second = node.as<int>();
      return;
    }
    auto const values = node.as<std::vector<int>>();
    if (values.size() != 2)
      node.reject(fmt::format("has {} entries", values.size()), "give [before, after], or one number for both sides");
    first = values[0];
    second = values[1];
  });
}
} // namespace

void read_fields(DeckBlock const& block, FieldShape& f)
{
  constexpr int longest = 1 << 17; // cells around a globe: a third of a kilometre
  std::string const range = fmt::format("a number up to {}", longest);
  block.in_range("image_height", f.height, std::numeric_limits<int>::min(), longest, range);
  block.in_range("image_width", f.width, std::numeric_limits<int>::min(), longest, range);
  block("frames", f.frames);
  block("channels", f.channels);
  block("surface_channels", f.surface_channels);
  block("input_only_channels", f.input_only_channels);
  block("output_only_channels", f.output_only_channels);
  block("levels", f.levels);
}

void check_fields(FieldShape const& f, Problems& problems)
{
  RangeCheck check(problems);
  check.at_least("image_height", f.height, 1);
  check.at_least("image_width", f.width, 1);
  check.at_least("frames", f.frames, 1);
  check.at_least("output_frames", f.output_frames, 1);
  check.at_least("channels", f.channels, 0);
  check.at_least("levels", f.levels, 0);
  check.at_least("surface_channels", f.surface_channels, 0);
  check.at_least("input_only_channels", f.input_only_channels, 0);
  check.at_least("output_only_channels", f.output_only_channels, 0);
  if (!check.passed())
    return;
  if (f.in() == 0)
    problems.error("model.channels", "the model has no input channel");
  if (f.out() == 0)
    problems.error("model.channels", "the model has no output channel");
}

void read_padding(DeckBlock const& model, SpherePadding& padding)
{
  auto const block = model.block("padding_conf");
  block("activate", padding.active);
  block.choice("mode", padding.mode, {{"earth", SpherePadding::Mode::earth}, {"mirror", SpherePadding::Mode::mirror}});
  int top = 40, bottom = 40, left = 40, right = 40; // CREDIT's defaults
  read_sides(block, "pad_lat", top, bottom);
  read_sides(block, "pad_lon", left, right);
  if (!padding.active)
    return;
  padding.top = top;
  padding.bottom = bottom;
  padding.left = left;
  padding.right = right;
}

void check_padding(SpherePadding const& p, FieldShape const& f, Problems& problems)
{
  // A mirrored row excludes the edge itself; a rolled cap includes it.
  int const lat_limit = f.height - (p.mode == SpherePadding::Mode::mirror ? 1 : 0);
  auto const check = [&](char const* key, int first, int second, int limit, char const* what) {
    if (first < 0 || second < 0 || first > limit || second > limit)
      problems.error(
          std::string("model.padding_conf.") + key,
          fmt::format("[{}, {}] is out of range: the grid has {} {} to pad with", first, second, limit, what),
          fmt::format("use 0 to {} on each side", limit));
  };
  check("pad_lat", p.top, p.bottom, lat_limit, "rows");
  check("pad_lon", p.left, p.right, f.width, "columns");
}

void read_ignored(DeckBlock const& block)
{
  block.ignore("post_conf", "corrections of the output belong into postblocks");
  block.ignore("pad_lat", "padding is read from padding_conf.pad_lat");
  block.ignore("pad_lon", "padding is read from padding_conf.pad_lon");
}

void RangeCheck::at_least(char const* key, int value, int low)
{
  if (value < low)
    problems_->error(std::string("model.") + key, fmt::format("is {}", value), fmt::format("give {} or more", low));
}

void RangeCheck::at_least(char const* key, std::vector<int> const& values, int low)
{
  for (int const value : values)
    if (value < low)
      return at_least(key, value, low);
}

void RangeCheck::rate(char const* key, double value)
{
  if (!(value >= 0 && value < 1))
    problems_->error(std::string("model.") + key, fmt::format("is {}", value), "give a rate of at least 0 and below 1");
}

std::string list_of(std::vector<int> const& values) { return fmt::format("[{}]", fmt::join(values, ", ")); }

std::string fingerprint_of(std::string const& type, FieldShape const& f)
{
  return fmt::format("type: {}\nimage_height: {}\nimage_width: {}\nframes: {}\noutput_frames: {}\nchannels: {}\n"
                     "levels: {}\nsurface_channels: {}\ninput_only_channels: {}\noutput_only_channels: {}\n",
                     type, f.height, f.width, f.frames, f.output_frames, f.channels, f.levels, f.surface_channels,
                     f.input_only_channels, f.output_only_channels);
}

std::string fingerprint_of(SpherePadding const& p)
{
  if (!p.active)
    return {};
  return fmt::format("padding_conf: {} [{}, {}] [{}, {}]\n", p.mode == SpherePadding::Mode::earth ? "earth" : "mirror",
                     p.top, p.bottom, p.left, p.right);
}

} // namespace rossby
