#include <rossby/models/pyramid/config.hpp>

#include "../common_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rossby {

namespace {
constexpr int stages = 4;

/// A list of exactly four whole numbers, or one number for all four where `scalar_allowed`.
void read_four(DeckBlock const& block, std::string const& key, std::vector<int>& out, bool scalar_allowed = false)
{
  auto const node = block.child(key);
  if (!node.exists())
    return;
  block.attempt([&] {
    if (scalar_allowed && node.is_scalar()) {
      out.assign(stages, node.as<int>());
      return;
    }
    auto const values = node.as<std::vector<int>>();
    if (values.size() != stages)
      node.reject(fmt::format("has {} entries; the model has {} stages", values.size(), stages),
                  scalar_allowed ? "give one number, or four" : "give four numbers");
    out = values;
  });
}

void read_kernels(DeckBlock const& block, std::vector<std::vector<int>>& out)
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

} // namespace

void PyramidConfig::read_keys(DeckBlock const& block, PyramidConfig& c)
{
  read_fields(block, c.fields);
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
  read_padding(block, c.padding);
}

int PyramidConfig::embedded_channels() const
{
  auto const v = variant();
  if (v.patch_height > 1)
    return dim.front();
  return v.mean_of_frames ? fields.in() : fields.input_channels();
}

int PyramidConfig::stage_extent(int n, int stage) const
{
  for (int s = 0; s <= stage; ++s)
    n /= strides[static_cast<std::size_t>(s)];
  return n;
}

std::vector<int> PyramidConfig::branch_channels(int stage) const
{
  auto const s = static_cast<std::size_t>(stage);
  std::vector<int> widths;
  int left = dim[s];
  for (std::size_t j = 0; j + 1 < kernels[s].size(); ++j) {
    widths.push_back(dim[s] >> (j + 1));
    left -= widths.back();
  }
  widths.push_back(left);
  return widths;
}

std::string PyramidConfig::fingerprint() const
{
  std::string text = fingerprint_of(type(), fields);
  auto const line = [&](std::string const& key, auto const& value) { text += fmt::format("{}: {}\n", key, value); };
  line("dim", list_of(dim));
  line("depth", list_of(depth));
  line("dim_head", dim_head);
  line("global_window_size", list_of(global_window));
  line("local_window_size", list_of(local_window));
  for (auto const& k : kernels)
    line("cross_embed_kernel_sizes", list_of(k));
  line("cross_embed_strides", list_of(strides));
  line("use_spectral_norm", spectral_norm);
  line("interp", interp);
  return text;
}

} // namespace rossby
