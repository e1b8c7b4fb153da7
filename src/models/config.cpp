#include <rossby/models/config.hpp>

#include <rossby/core/deck_block.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace rossby {

namespace {
constexpr int stages = 4;
constexpr int decoder_factor = 16; // four upsamplings by two

/// A list of exactly four whole numbers, or one number for all four where `scalar_allowed`.
void read_four(DeckBlock const& block, std::string const& key, std::array<int, 4>& out, bool scalar_allowed = false)
{
  auto const node = block.child(key);
  if (!node.exists())
    return;
  block.attempt([&] {
    if (scalar_allowed && node.is_scalar()) {
      out.fill(node.as<int>());
      return;
    }
    auto const values = node.as<std::vector<int>>();
    if (values.size() != stages)
      node.reject(fmt::format("has {} entries; the model has {} stages", values.size(), stages),
                  scalar_allowed ? "give one number, or four" : "give four numbers");
    std::copy(values.begin(), values.end(), out.begin());
  });
}

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

void read_kernels(DeckBlock const& block, std::array<std::vector<int>, 4>& out)
{
  auto const node = block.child("cross_embed_kernel_sizes");
  if (!node.exists())
    return;
  block.attempt([&] {
    auto const lists = node.items();
    if (lists.size() != stages)
      node.reject(fmt::format("has {} lists; the model has {} stages", lists.size(), stages), "give four lists");
    for (std::size_t s = 0; s < stages; ++s) {
      out[s] = lists[s].as<std::vector<int>>();
      if (out[s].empty())
        lists[s].reject("is empty", "give at least one kernel size");
      std::sort(out[s].begin(), out[s].end()); // the branches' channels follow ascending sizes
    }
  });
}

void read_padding(DeckBlock const& block, PaddingConfig& padding)
{
  block("activate", padding.active);
  block.choice("mode", padding.mode, {{"earth", PaddingConfig::Mode::earth}, {"mirror", PaddingConfig::Mode::mirror}});
  int top = 40, bottom = 40, left = 40, right = 40; // CREDIT's defaults
  read_sides(block, "pad_lat", top, bottom);
  read_sides(block, "pad_lon", left, right);
  if (!padding.active)
    return; // widths stay zero, so that padded sizes are the plain ones
  padding.top = top;
  padding.bottom = bottom;
  padding.left = left;
  padding.right = right;
}

void read_type(DeckBlock const& block, ModelConfig::Type& type)
{
  std::string name;
  if (!block.require("type", name, "add type: wxformer or type: crossformer"))
    return;
  if (name == "wxformer" || name == "wxformer_base") {
    type = ModelConfig::Type::wxformer;
  } else if (name == "crossformer") {
    type = ModelConfig::Type::crossformer;
  } else {
    auto const guess = nearest(name, {"wxformer", "wxformer_base", "crossformer"});
    block.problems().error(block.path("type"), fmt::format("there is no model '{}' here", name),
                           (guess.empty() ? "" : fmt::format("did you mean '{}'? ", guess)) +
                               "known: wxformer (alias wxformer_base), crossformer");
  }
}

void read_unsupported(DeckBlock const& block, ModelConfig::Type type)
{
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
  block.ignore("frame_patch_size", "frames are joined as channels");
  block.ignore("decoder_attention_type", "the decoder has no attention");
  block.ignore("upsample_with_ps", "the decoder follows from model.type");
  block.ignore("post_conf", "corrections of the output belong into postblocks");
  block.ignore("pad_lat", "padding is read from padding_conf.pad_lat");
  block.ignore("pad_lon", "padding is read from padding_conf.pad_lon");
  if (type == ModelConfig::Type::wxformer) {
    block.ignore("attention_type", "wxformer has no decoder attention");
    block.ignore("upsample_v_conv", "wxformer upsamples by pixel shuffle; crossformer knows this key");
  } else if (std::string attention; block("attention_type", attention) && attention != "none" && attention != "None") {
    block.problems().error(block.path("attention_type"),
                           fmt::format("decoder attention '{}' is not offered", attention),
                           "remove the key or set it to none");
  }
}

/// The smallest extent >= n that every stage's windows divide, or 0 when there is none nearby.
int fitting_extent(ModelConfig const& c, int n)
{
  for (int candidate = std::max(n, 1); candidate < n + 4096; ++candidate) {
    bool fits = true;
    for (int s = 0; s < stages && fits; ++s) {
      int const extent = c.stage_extent(candidate, s);
      auto const i = static_cast<std::size_t>(s);
      fits = extent > 0 && extent % c.local_window[i] == 0 && extent % c.global_window[i] == 0;
    }
    if (fits)
      return candidate;
  }
  return 0;
}

void check_windows(ModelConfig const& c, DeckBlock const& block)
{
  struct Axis {
    char const* name;
    char const* pad_key;
    int image, padded, before;
  };
  for (auto const& axis : {Axis{"rows", "pad_lat", c.image_height, c.padded_height(), c.padding.top},
                           Axis{"columns", "pad_lon", c.image_width, c.padded_width(), c.padding.left}}) {
    int const fit = fitting_extent(c, axis.image);
    auto const side = [&](int extra) { return extra / 2; };
    std::string const fix = fit == 0
                                ? "choose windows that have common multiples with the strides"
                                : fmt::format("pad to {} {} ({}: [{}, {}] with padding active), or change the windows",
                                              fit, axis.name, std::string("padding_conf.") + axis.pad_key,
                                              side(fit - axis.image), fit - axis.image - side(fit - axis.image));
    for (int s = 0; s < stages; ++s) {
      auto const i = static_cast<std::size_t>(s);
      int const extent = c.stage_extent(axis.padded, s);
      if (extent == 0) {
        block.problems().error(block.path("cross_embed_strides"),
                               fmt::format("stage {} has no {} left ({} padded ones)", s, axis.name, axis.padded),
                               "use a larger grid or smaller strides");
        break;
      }
      if (c.depth[i] == 0)
        continue;
      for (auto const& [key, window] : {std::pair<char const*, int>{"local_window_size", c.local_window[i]},
                                        std::pair<char const*, int>{"global_window_size", c.global_window[i]}})
        if (extent % window != 0)
          block.problems().error(block.path(key),
                                 fmt::format("{} does not divide the {} {} of stage {} ({} padded {})", window, extent,
                                             axis.name, s, axis.padded, axis.name),
                                 fix);
    }
  }
}

void check_padding(ModelConfig const& c, DeckBlock const& block)
{
  if (!c.padding.active)
    return;
  auto const& p = c.padding;
  bool const mirror = p.mode == PaddingConfig::Mode::mirror;
  // A mirrored row excludes the edge itself; a rolled cap includes it.
  int const lat_limit = c.image_height - (mirror ? 1 : 0);
  auto const check = [&](char const* key, int first, int second, int limit, char const* what) {
    if (first < 0 || second < 0 || first > limit || second > limit)
      block.problems().error(
          block.path("padding_conf") + "." + key,
          fmt::format("[{}, {}] is out of range: the grid has {} {} to pad with", first, second, limit, what),
          fmt::format("use 0 to {} on each side", limit));
  };
  check("pad_lat", p.top, p.bottom, lat_limit, "rows");
  check("pad_lon", p.left, p.right, c.image_width, "columns");
}

/// Returns whether the numbers are sane enough for the checks that divide by them.
bool check_ranges(ModelConfig const& c, DeckBlock const& block)
{
  std::size_t const before = block.problems().errors().size();
  auto const at_least = [&](char const* key, int value, int low) {
    if (value < low)
      block.problems().error(block.path(key), fmt::format("is {}", value), fmt::format("give {} or more", low));
  };
  at_least("image_height", c.image_height, 1);
  at_least("image_width", c.image_width, 1);
  at_least("frames", c.frames, 1);
  at_least("output_frames", c.output_frames, 1);
  at_least("channels", c.channels, 0);
  at_least("levels", c.levels, 0);
  at_least("surface_channels", c.surface_channels, 0);
  at_least("input_only_channels", c.input_only_channels, 0);
  at_least("output_only_channels", c.output_only_channels, 0);
  at_least("dim_head", c.dim_head, 1);
  auto const all_at_least = [&](char const* key, std::array<int, 4> const& values, int low) {
    at_least(key, *std::min_element(values.begin(), values.end()), low);
  };
  all_at_least("dim", c.dim, 4); // the position bias works with dim/4 channels
  all_at_least("depth", c.depth, 0);
  all_at_least("global_window_size", c.global_window, 1);
  all_at_least("local_window_size", c.local_window, 1);
  all_at_least("cross_embed_strides", c.strides, 1);
  for (auto const& [key, rate] : {std::pair<char const*, double>{"attn_dropout", c.attn_dropout},
                                  std::pair<char const*, double>{"ff_dropout", c.ff_dropout}})
    if (!(rate >= 0 && rate < 1))
      block.problems().error(block.path(key), fmt::format("is {}", rate), "give a rate of at least 0 and below 1");
  return block.problems().errors().size() == before;
}

void check_embedding(ModelConfig const& c, DeckBlock const& block)
{
  auto const path = block.path("cross_embed_kernel_sizes");
  for (std::size_t s = 0; s < stages; ++s) {
    int rest = c.dim[s];
    for (std::size_t j = 0; j < c.kernels[s].size(); ++j) {
      int const k = c.kernels[s][j], stride = c.strides[s];
      if (k < stride)
        block.problems().error(path, fmt::format("kernel {} of stage {} is smaller than the stride {}", k, s, stride),
                               "a kernel must cover its stride");
      if (c.type == ModelConfig::Type::crossformer && k >= stride && (k - stride) % 2 != 0)
        block.problems().error(path,
                               fmt::format("kernel {} minus stride {} of stage {} is odd, and crossformer pads both "
                                           "sides alike",
                                           k, stride, s),
                               "use a kernel of the stride's parity, or type: wxformer");
      if (j + 1 < c.kernels[s].size())
        rest -= c.dim[s] >> (j + 1);
    }
    auto const last = c.kernels[s].size() - 1;
    if (last > 0 && (rest < 1 || (c.dim[s] >> last) < 1))
      block.problems().error(
          path, fmt::format("{} branches of stage {} share {} channels: some get none", last + 1, s, c.dim[s]),
          "use fewer kernels or more channels");
  }
}

void check_widths(ModelConfig const& c, DeckBlock const& block)
{
  int const top = c.dim[3];
  std::array<int, 4> const pyramid{top / 8, top / 4, top / 2, top};
  if (c.dim != pyramid)
    block.problems().error(
        block.path("dim"),
        fmt::format("[{}] does not fit the decoder, which halves the last width at each stage", fmt::join(c.dim, ", ")),
        fmt::format("use [{}]", fmt::join(pyramid, ", ")));
  else if (top / 2 % c.dim[0] != 0 || top / 4 % c.dim[0] != 0)
    block.problems().error(
        block.path("dim"),
        fmt::format("the decoder's group norm has dim[0] = {} groups, which must divide {}, {} and {} "
                    "channels",
                    c.dim[0], top / 2, top / 4, top / 8),
        "use a last width that is a multiple of 8");
  for (std::size_t s = 0; s < stages; ++s)
    if (c.dim[s] < c.dim_head)
      block.problems().error(
          block.path("dim_head"),
          fmt::format("{} is more than the {} channels of stage {}: it would have no head", c.dim_head, c.dim[s], s),
          fmt::format("use {} or less", *std::min_element(c.dim.begin(), c.dim.end())));
  if (c.base_input_channels() == 0)
    block.problems().error(block.path("channels"), "the model has no input channel");
  if (c.base_output_channels() == 0)
    block.problems().error(block.path("channels"), "the model has no output channel");
}

void check_decoder(ModelConfig const& c, DeckBlock const& block)
{
  int const coarsening = std::accumulate(c.strides.begin(), c.strides.end(), 1, std::multiplies<>());
  if (coarsening != decoder_factor && c.padding.active) {
    block.problems().error(block.path("cross_embed_strides"),
                           fmt::format("coarsen by {}, but the decoder refines by {}: the padding would be cut from a "
                                       "field of another size",
                                       coarsening, decoder_factor),
                           "use [2, 2, 2, 2], or switch padding_conf off");
    return;
  }
  int const height = c.stage_extent(c.padded_height(), 3) * decoder_factor;
  int const width = c.stage_extent(c.padded_width(), 3) * decoder_factor;
  if (!c.interp && (height != c.padded_height() || width != c.padded_width()))
    block.problems().error(block.path("interp"),
                           fmt::format("is false, but the decoder gives {} x {} cells for {} x {}", height, width,
                                       c.padded_height(), c.padded_width()),
                           fmt::format("set it to true, or pad to multiples of {}", decoder_factor));
}
} // namespace

int ModelConfig::stage_extent(int n, int stage) const
{
  for (int s = 0; s <= stage; ++s)
    n /= strides[static_cast<std::size_t>(s)];
  return n;
}

ModelConfig ModelConfig::read(DeckNode const& model, Problems& problems)
{
  ModelConfig c;
  DeckBlock const block(model, problems);
  if (!model.exists()) {
    problems.error(model.path(), "the block is missing", "add a model: block with type: wxformer");
    return c;
  }
  std::size_t const before = problems.errors().size();
  read_type(block, c.type);
  block("image_height", c.image_height);
  block("image_width", c.image_width);
  block("frames", c.frames);
  block("output_frames", c.output_frames);
  block("channels", c.channels);
  block("surface_channels", c.surface_channels);
  block("input_only_channels", c.input_only_channels);
  block("output_only_channels", c.output_only_channels);
  block("levels", c.levels);
  read_four(block, "dim", c.dim);
  read_four(block, "depth", c.depth);
  read_four(block, "global_window_size", c.global_window);
  read_four(block, "local_window_size", c.local_window, true);
  read_four(block, "cross_embed_strides", c.strides);
  read_kernels(block, c.kernels);
  block("dim_head", c.dim_head);
  block("attn_dropout", c.attn_dropout);
  block("ff_dropout", c.ff_dropout);
  block("use_spectral_norm", c.spectral_norm);
  block("interp", c.interp);
  if (c.type == Type::crossformer)
    block("upsample_v_conv", c.upsample_v_conv);
  read_padding(block.block("padding_conf"), c.padding);
  read_unsupported(block, c.type);

  // Geometry is judged only when all of its numbers could be read.
  if (problems.errors().size() == before && check_ranges(c, block)) {
    check_padding(c, block);
    check_widths(c, block);
    check_embedding(c, block);
    check_decoder(c, block);
    check_windows(c, block);
  }
  return c;
}

} // namespace rossby
