// What a pyramid's numbers must fulfil together, for decks and for programs alike.

#include <rossby/models/pyramid/config.hpp>

#include "../common_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace rossby {

namespace {
constexpr int stages = 4;
constexpr int decoder_factor = 16; // four upsamplings by two

std::string path(char const* key) { return std::string("model.") + key; }

/// Returns whether the numbers are sane enough for the checks that divide by them.
bool check_ranges(PyramidConfig const& c, Problems& problems)
{
  RangeCheck check(problems);
  check_fields(c.fields, problems);
  auto const size = [&](char const* key, std::size_t n) {
    if (n != stages)
      problems.error(path(key), fmt::format("has {} entries; the model has {} stages", n, stages), "give four");
  };
  size("dim", c.dim.size());
  size("depth", c.depth.size());
  size("global_window_size", c.global_window.size());
  size("local_window_size", c.local_window.size());
  size("cross_embed_strides", c.strides.size());
  size("cross_embed_kernel_sizes", c.kernels.size());
  for (auto const& k : c.kernels)
    if (k.empty())
      problems.error(path("cross_embed_kernel_sizes"), "has an empty list", "give at least one kernel size");
    else
      check.at_least("cross_embed_kernel_sizes", k, 1);
  check.at_least("dim_head", c.dim_head, 1);
  check.at_least("dim", c.dim, 4);     // the position bias works with dim/4 channels
  check.at_least("depth", c.depth, 0); // a stage may be its embedding alone
  check.at_least("global_window_size", c.global_window, 1);
  check.at_least("local_window_size", c.local_window, 1);
  check.at_least("cross_embed_strides", c.strides, 1);
  check.rate("attn_dropout", c.attn_dropout);
  check.rate("ff_dropout", c.ff_dropout);
  return check.passed();
}

void check_embedding(PyramidConfig const& c, Problems& problems)
{
  auto const where = path("cross_embed_kernel_sizes");
  for (std::size_t s = 0; s < stages; ++s) {
    for (std::size_t j = 0; j < c.kernels[s].size(); ++j) {
      int const k = c.kernels[s][j], stride = c.strides[s];
      if (k < stride)
        problems.error(where, fmt::format("kernel {} of stage {} is smaller than the stride {}", k, s, stride),
                       "a kernel must cover its stride");
      if (c.variant().centred_kernels && k >= stride && (k - stride) % 2 != 0)
        problems.error(where,
                       fmt::format("kernel {} minus stride {} of stage {} is odd, and {} pads both sides alike", k,
                                   stride, s, c.type()),
                       "use a kernel of the stride's parity");
    }
    auto const widths = c.branch_channels(static_cast<int>(s));
    auto const last = widths.size() - 1;
    if (*std::min_element(widths.begin(), widths.end()) < 1)
      problems.error(where,
                     fmt::format("{} branches of stage {} share {} channels: some get none", last + 1, s, c.dim[s]),
                     "use fewer kernels or more channels");
  }
}

void check_widths(PyramidConfig const& c, Problems& problems)
{
  int const top = c.dim.back();
  std::vector<int> const pyramid{top / 8, top / 4, top / 2, top};
  if (c.dim != pyramid)
    problems.error(
        path("dim"),
        fmt::format("[{}] does not fit the decoder, which halves the last width at each stage", fmt::join(c.dim, ", ")),
        fmt::format("use [{}]", fmt::join(pyramid, ", ")));
  else if (top / 2 % c.dim[0] != 0 || top / 4 % c.dim[0] != 0)
    problems.error(path("dim"),
                   fmt::format("the decoder's group norm has dim[0] = {} groups, which must divide {}, {} and {} "
                               "channels",
                               c.dim[0], top / 2, top / 4, top / 8),
                   "use a last width that is a multiple of 8");
  for (std::size_t s = 0; s < stages; ++s)
    if (c.dim[s] < c.dim_head)
      problems.error(
          path("dim_head"),
          fmt::format("{} is more than the {} channels of stage {}: it would have no head", c.dim_head, c.dim[s], s),
          fmt::format("use {} or less", *std::min_element(c.dim.begin(), c.dim.end())));
}

void check_decoder(PyramidConfig const& c, Problems& problems)
{
  int const coarsening = std::accumulate(c.strides.begin(), c.strides.end(), 1, std::multiplies<>());
  if (coarsening != decoder_factor && c.padding.active) {
    problems.error(path("cross_embed_strides"),
                   fmt::format("coarsen by {}, but the decoder refines by {}: the padding would be cut from a "
                               "field of another size",
                               coarsening, decoder_factor),
                   "use [2, 2, 2, 2], or switch padding_conf off");
    return;
  }
  int const height = c.stage_extent(c.embedded_height(), stages - 1) * decoder_factor;
  int const width = c.stage_extent(c.embedded_width(), stages - 1) * decoder_factor;
  if (!c.interp && (height != c.padded_height() || width != c.padded_width()))
    problems.error(path("interp"),
                   fmt::format("is false, but the decoder gives {} x {} cells for {} x {}", height, width,
                               c.padded_height(), c.padded_width()),
                   fmt::format("set it to true, or pad to multiples of {}", decoder_factor));
}
/// The smallest extent >= n that every stage's windows divide, or 0 when there is none nearby.
int fitting_extent(PyramidConfig const& c, int n, int patch)
{
  for (int candidate = std::max(n, 1); candidate < n + 4096; ++candidate) {
    bool fits = true;
    for (int s = 0; s < stages && fits; ++s) {
      int const extent = c.stage_extent(candidate / patch, s);
      auto const i = static_cast<std::size_t>(s);
      fits = extent > 0 && extent % c.local_window[i] == 0 && extent % c.global_window[i] == 0;
    }
    if (fits)
      return candidate;
  }
  return 0;
}

void check_windows(PyramidConfig const& c, Problems& problems)
{
  struct Axis {
    char const* name;
    char const* pad_key;
    int image, padded, patch;
  };
  auto const v = c.variant();
  for (auto const& axis : {Axis{"rows", "pad_lat", c.fields.height, c.padded_height(), v.patch_height},
                           Axis{"columns", "pad_lon", c.fields.width, c.padded_width(), v.patch_width}}) {
    int const fit = fitting_extent(c, axis.image, axis.patch);
    auto const side = [&](int extra) { return extra / 2; };
    std::string const fix = fit == 0
                                ? "choose windows that have common multiples with the strides"
                                : fmt::format("pad to {} {} ({}: [{}, {}] with padding active), or change the windows",
                                              fit, axis.name, std::string("padding_conf.") + axis.pad_key,
                                              side(fit - axis.image), fit - axis.image - side(fit - axis.image));
    for (int s = 0; s < stages; ++s) {
      auto const i = static_cast<std::size_t>(s);
      int const extent = c.stage_extent(axis.padded / axis.patch, s);
      if (extent == 0) {
        problems.error(path("cross_embed_strides"),
                       fmt::format("stage {} has no {} left ({} padded ones)", s, axis.name, axis.padded),
                       "use a larger grid or smaller strides");
        break;
      }
      if (c.depth[i] == 0)
        continue;
      for (auto const& [key, window] : {std::pair<char const*, int>{"local_window_size", c.local_window[i]},
                                        std::pair<char const*, int>{"global_window_size", c.global_window[i]}})
        if (extent % window != 0)
          problems.error(path(key),
                         fmt::format("{} does not divide the {} {} of stage {} ({} padded {})", window, extent,
                                     axis.name, s, axis.padded, axis.name),
                         fix);
    }
  }
}

} // namespace

void PyramidConfig::check(Problems& problems) const
{
  if (!check_ranges(*this, problems))
    return;
  check_padding(padding, fields, problems);
  check_widths(*this, problems);
  check_embedding(*this, problems);
  check_decoder(*this, problems);
  check_windows(*this, problems);
}

} // namespace rossby
