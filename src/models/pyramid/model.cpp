// The forward pass of a pyramid: an encoder of stages, each a cross-embedding and transformer layers, and a decoder
// whose blocks double the grid and join what the encoder had there. Parameters are declared in the order in which
// CREDIT constructs them.
//
// Tiles are cut on the cells of the last stage. Stage s has the product of the strides below it as many cells per
// coarse one, level k of the decoder 2^k; where both are the same grid they have the same tiles, so that the decoder
// joins what lies on the same rank.

#include <rossby/models/model.hpp>
#include <rossby/models/pyramid/config.hpp>
#include <rossby/nn/transformer.hpp>

#include <algorithm>

namespace rossby {

namespace {

class Pyramid final : public Model {
public:
  explicit Pyramid(std::shared_ptr<PyramidConfig const> config)
      : Model(config->fields, config->spectral_norm), config_(std::move(config)), variant_(config_->variant())
  {
    if (variant_.mean_of_frames && fields().frames > 1)
      frame_mean_ = ModuleStencil(1, fields().frames, {{0, 0, 0.5}, {0, 1, 0.5}});
    declare_grids();
    if (embeds_patches())
      declare_cube_embedding(); // units are declared in the order in which they run
    declare_encoder();
    if (!embeds_patches())
      declare_cube_embedding();
    declare_decoder();
  }
  Var forward(Context&, Var const& x) override;

private:
  using Weights = std::shared_ptr<PreparedWeights const>;
  struct Branch {
    int weight;
    ops::ConvShape shape;
  };
  struct Stage {
    GridId grid;
    HaloId input; ///< of the cross-embedding, with the border of its widest kernel
    int embed_unit;
    std::vector<Branch> branches;
    std::vector<std::pair<int, TransformerLayer>> layers; ///< each with its unit
  };
  bool embeds_patches() const { return variant_.patch_height > 1; }

  void declare_grids();
  void declare_encoder();
  void declare_cube_embedding();
  void declare_decoder();
  Var mean_of_frames(Context&, Var const& x) const;
  Var encode(Context&, Weights const&, std::size_t stage, Var const& x) const;

  std::shared_ptr<PyramidConfig const> config_;
  PyramidConfig::Variant variant_;
  GridId image_, patch_grid_;
  std::vector<Stage> stages_;
  std::vector<GridId> levels_;
  PatchesId patches_;
  int cube_unit_ = -1, cube_ = -1;
  std::vector<ChannelNorm> cube_norm_;
  ModuleStencil frame_mean_;
  std::vector<int> up_unit_;
  std::vector<UpBlock> up_;
  std::vector<FinalBlock> final_;
  UnpadId unpad_;
};

void Pyramid::declare_grids()
{
  auto const& c = *config_;
  int const count = c.stages();
  index_t const rows = c.embedded_height(), cols = c.embedded_width();
  auto const extent = [&](index_t n, int s) { return c.stage_extent(static_cast<int>(n), s); };
  stages_.resize(static_cast<std::size_t>(count));
  stages_.back().grid = grids_.coarsest(extent(rows, count - 1), extent(cols, count - 1));
  index_t factor = 1;
  for (int s = count - 1; s > 0; --s) {
    factor *= c.strides[static_cast<std::size_t>(s)];
    stages_[static_cast<std::size_t>(s - 1)].grid =
        grids_.refined(factor, factor, extent(rows, s - 1), extent(cols, s - 1));
  }
  factor *= c.strides.front();
  if (embeds_patches())
    patch_grid_ = grids_.refined(factor, factor, rows, cols);
  GridId const padded = grids_.refined(factor * variant_.patch_height, factor * variant_.patch_width, c.padded_height(),
                                       c.padded_width());
  auto const& p = c.padding;
  image_ = grids_.inside(padded, {p.top, p.bottom, p.left, p.right});

  index_t const last_rows = extent(rows, count - 1), last_cols = extent(cols, count - 1);
  for (int k = 0; k <= count; ++k) {
    index_t const f = index_t(1) << k;
    levels_.push_back(k == 0 ? stages_.back().grid : grids_.refined(f, f, f * last_rows, f * last_cols));
  }
  index_t const top_rows = last_rows << count, top_cols = last_cols << count;
  unpad_ = grids_.unpad(levels_.back(), p, c.interp ? c.fields.height : top_rows - p.top - p.bottom,
                        c.interp ? c.fields.width : top_cols - p.left - p.right);
  set_grids(image_, grids_.output(unpad_));
}

void Pyramid::declare_encoder()
{
  index_t in = config_->embedded_channels();
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    Stage& stage = stages_[s];
    std::string const name = "layers." + std::to_string(s);
    auto kernels = config_->kernels[s];
    auto const channels = config_->branch_channels(static_cast<int>(s));
    std::sort(kernels.begin(), kernels.end());
    index_t const stride = config_->strides[s], dim = config_->dim[s], widest = kernels.back();
    Footprint const reach{stride, widest, (widest - stride) / 2};
    stage.input = s > 0              ? grids_.halo(stages_[s - 1].grid, stage.grid, reach)
                  : embeds_patches() ? grids_.halo(patch_grid_, stage.grid, reach)
                                     : grids_.padded_halo(image_, config_->padding, stage.grid, reach);
    stage.embed_unit = parameters_.begin_unit(name + ".0");
    for (std::size_t j = 0; j < kernels.size(); ++j) {
      index_t const out = channels[j], k = kernels[j];
      auto const initial = default_initial(in * k * k);
      // A padding layer of its own ahead of the convolution gives the latter the number 1; versions differ in it.
      std::string branch = name + ".0.convs." + std::to_string(j), other = branch + ".1";
      if (!variant_.centred_kernels)
        std::swap(branch, other);
      int const weight =
          weights_.declare(branch, {out, in, k, k}, ParameterLayout::conv, initial, initial, true, other);
      stage.branches.push_back({weight, {k, stride, reach.before - (k - stride) / 2}});
    }
    TransformerConfig const layer{stage.grid,
                                  dim,
                                  config_->dim_head,
                                  config_->local_window[s],
                                  config_->global_window[s],
                                  config_->attn_dropout,
                                  config_->ff_dropout,
                                  static_cast<int>(s)};
    for (int n = 0; n < config_->depth[s]; ++n) {
      std::string const path = name + ".1.layers." + std::to_string(n);
      int const unit = parameters_.begin_unit(path);
      stage.layers.emplace_back(unit, TransformerLayer(books(), path, layer));
    }
    in = dim;
  }
}

void Pyramid::declare_cube_embedding()
{
  // Without patches CREDIT allocates it and never calls it; its files carry it.
  cube_unit_ = parameters_.begin_unit("cube_embedding");
  bool const used = embeds_patches();
  FieldShape const& f = config_->fields;
  index_t const frames = f.frames, dim = config_->dim.front(), rows = variant_.patch_height,
                cols = variant_.patch_width;
  index_t const in = variant_.mean_of_frames ? f.in() : f.input_channels();
  auto const initial = default_initial(in * frames * rows * cols);
  if (used) {
    cube_ = weights_.declare("cube_embedding.proj", {dim, in, frames, rows, cols}, ParameterLayout::conv, initial,
                             initial, false);
    cube_norm_.emplace_back(parameters_, "cube_embedding.norm", dim, ChannelNorm::Form::vector);
    patches_ = grids_.patches(image_, config_->padding, patch_grid_, rows, cols);
    return;
  }
  auto const declare = [&](char const* name, Shape shape, Initial i) {
    parameters_.declare(
        {std::string("cube_embedding.") + name, std::move(shape), ParameterLayout::natural, {}, i, true, false});
  };
  declare("proj.weight", {dim, in, frames, 1, 1}, initial);
  declare("proj.bias", {dim}, initial);
  declare("norm.weight", {dim}, {Initial::Kind::constant, 1});
  declare("norm.bias", {dim}, {Initial::Kind::constant, 0});
}

void Pyramid::declare_decoder()
{
  auto const& dim = config_->dim;
  std::size_t const count = stages_.size();
  index_t const last = dim.back(), groups = dim.front();
  index_t in = last;
  for (std::size_t k = 0; k < count; ++k) {
    std::string const name = "up_block" + std::to_string(k + 1);
    Doubler const how{variant_.upsampling, variant_.details, levels_[k], levels_[k + 1]};
    up_unit_.push_back(parameters_.begin_unit(name));
    if (k + 1 == count) {
      final_.emplace_back(books(), name, how, in, config_->fields.output_channels());
      break;
    }
    index_t const out = last / (index_t(2) << k);
    up_.emplace_back(books(), name, how, in, out, groups);
    in = out + dim[count - 2 - k]; // joined with what the encoder had there
  }
}

/// CREDIT pools pairs of frames and drops the time axis: a third frame counts for nothing.
Var Pyramid::mean_of_frames(Context& ctx, Var const& x) const
{
  index_t const frames = fields().frames;
  if (frames == 1)
    return x;
  Shape shape = x.value().shape();
  shape.back() /= frames;
  Var const mean = apply_stencil(ctx, frame_mean_.get(ctx.exec), reshape(ctx, x, {product(shape), frames, 1}), {1});
  return reshape(ctx, mean, shape);
}

Var Pyramid::encode(Context& ctx, Weights const& weights, std::size_t s, Var const& input) const
{
  Stage const& stage = stages_[s];
  Var x = unit(ctx, weights, stage.embed_unit, false, input,
               [this, &stage](Context& c, PreparedWeights const& w, Var const& in) {
                 std::vector<ConvBranch> branches;
                 for (auto const& b : stage.branches)
                   branches.push_back({w[b.weight], b.shape});
                 Shape const tile = grids_.extents(stage.grid);
                 return map_convolution(c, grids_[stage.input], in, branches, tile[0], tile[1]);
               });
  show("embed" + std::to_string(s), x, stage.grid);
  for (auto const& [number, layer] : stage.layers)
    x = unit(ctx, weights, number, activation_checkpoint_, x,
             [&layer = layer](Context& c, PreparedWeights const& w, Var const& in) { return layer.forward(c, w, in); });
  show("encoder" + std::to_string(s), x, stage.grid);
  return x;
}

Var Pyramid::forward(Context& ctx, Var const& input)
{
  Shape const tile = grids_.extents(image_);
  ROSSBY_EXPECT(input.value().rank() == 4 && input.value().extent(1) * input.value().extent(2) == tile[0] * tile[1] &&
                input.value().extent(3) == fields().input_channels());
  auto const weights = weights_.prepare(ctx);
  std::vector<Var> encoded;
  Var x = cast(ctx, input, precision_.fields);
  if (embeds_patches())
    x = unit(ctx, weights, cube_unit_, false, x, [this](Context& c, PreparedWeights const& w, Var const& in) {
      Shape const grid = grids_.extents(patch_grid_);
      index_t const batch = in.value().extent(0), channels = in.value().extent(3),
                    cells = variant_.patch_height * variant_.patch_width;
      Var y = map_cells(c, grids_[patches_], in, {grid[0] * grid[1], cells});
      y = linear(c, reshape(c, y, {batch, grid[0], grid[1], cells * channels}), w[cube_]);
      return cube_norm_.front().forward(c, w, y);
    });
  else if (variant_.mean_of_frames)
    x = mean_of_frames(ctx, x);
  for (std::size_t s = 0; s < stages_.size(); ++s) {
    x = encode(ctx, weights, s, x);
    encoded.push_back(x);
  }
  std::size_t const count = stages_.size();
  for (std::size_t k = 0; k + 1 < count; ++k) {
    std::string const name = "up_block" + std::to_string(k + 1);
    x = unit(
        ctx, weights, up_unit_[k], activation_checkpoint_, x,
        [&block = up_[k]](Context& c, PreparedWeights const& w, Var const& in) { return block.forward(c, w, in); });
    show(name, x, levels_[k + 1]);
    x = concatenate(ctx, x, encoded[count - 2 - k]);
  }
  x = unit(ctx, weights, up_unit_.back(), false, x, [this](Context& c, PreparedWeights const& w, Var const& in) {
    return final_.front().forward(c, w, in, precision_.output);
  });
  show("up_block" + std::to_string(count), x, levels_.back());
  return unpad_shard_interp(ctx, cast(ctx, x, precision_.parameters), grids_[unpad_]);
}

} // namespace

std::unique_ptr<Model> PyramidConfig::make() const { return std::make_unique<Pyramid>(clone()); }

} // namespace rossby
