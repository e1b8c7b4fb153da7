// The forward pass of FuXi: patches, one halving, blocks of shifted windows over tokens that are padded to whole
// windows, one doubling, patches again. Parameters are declared in the order in which CREDIT constructs them.
//
// Tiles are cut on the cells of the halved grid, not at windows: windows that a cut divides are brought whole to one
// rank by their map, shifted ones as well, so that any process grid of as many cells will do.

#include <rossby/models/fuxi/config.hpp>
#include <rossby/models/model.hpp>

#include "block.hpp"

namespace rossby {

namespace {

class Fuxi final : public Model {
public:
  explicit Fuxi(FuxiConfig const& config) : Model(config.fields, config.spectral_norm), config_(config)
  {
    declare_grids();
    declare_parameters();
    if (config_.freeze)
      for (auto& p : parameters_.all())
        p.spec.trainable = false;
  }
  Var forward(Context&, Var const& x) override;

private:
  void declare_grids();
  void declare_parameters();
  Var embed(Context&, PreparedWeights const&, Var const& x) const;
  Var halve(Context&, PreparedWeights const&, Var const& x) const;
  Var hand_out(Context&, PreparedWeights const&, Var const& x) const;

  FuxiConfig config_;
  GridId image_, patch_grid_, low_, tokens_, doubled_, fine_;
  PatchesId patches_, fine_patches_;
  HaloId halving_, margins_;
  UnpadId unpad_;
  ModuleStencil first_frames_; ///< frames that no patch spans count for nothing
  int cube_unit_, down_unit_, up_unit_, fc_unit_;
  int cube_, down_, fc_;
  std::vector<ChannelNorm> cube_norm_;
  std::vector<ResidualBlock> down_residual_, up_residual_;
  TransposedDoubling up_;
  std::vector<std::pair<int, fuxi::SwinBlock>> blocks_; ///< each with its unit
};

void Fuxi::declare_grids()
{
  auto const& c = config_;
  auto const [rows, columns] = c.low();
  auto const [patch_rows, patch_columns] = c.patches();
  index_t const down = 2 * c.patch_height, along = 2 * c.patch_width;
  auto const& p = c.padding;
  low_ = grids_.coarsest(rows, columns);
  patch_grid_ = grids_.refined(2, 2, patch_rows, patch_columns);
  image_ = grids_.inside(grids_.refined(down, along, c.padded_height(), c.padded_width()),
                         {p.top, p.bottom, p.left, p.right});
  auto const above = c.window_margin(0), beside = c.window_margin(1);
  Margins const margins{above[0], above[1], beside[0], beside[1]};
  tokens_ = grids_.outside(low_, margins);
  doubled_ = grids_.refined(2, 2, 2 * rows, 2 * columns);
  fine_ = grids_.refined(down, along, rows * down, columns * along);

  patches_ = grids_.patches(image_, p, patch_grid_, c.patch_height, c.patch_width);
  halving_ = grids_.halo(patch_grid_, low_, {2, 3, 1});
  margins_ = grids_.with_margins(low_, tokens_, margins);
  fine_patches_ = grids_.patches(fine_, {}, doubled_, c.patch_height, c.patch_width);
  unpad_ = grids_.unpad(fine_, p, c.interp ? c.fields.height : rows * down - p.top - p.bottom,
                        c.interp ? c.fields.width : columns * along - p.left - p.right);
  set_grids(image_, grids_.output(unpad_));
}

void Fuxi::declare_parameters()
{
  auto const& c = config_;
  index_t const d = c.dim, in = c.fields.in(), frames = c.frame_patch_size, rows = c.patch_height,
                columns = c.patch_width;
  if (c.fields.frames != frames) {
    std::vector<ops::Stencil::Entry> entries;
    for (index_t t = 0; t < frames; ++t)
      entries.push_back({t, t, 1});
    first_frames_ = ModuleStencil(frames, c.fields.frames, entries);
  }
  cube_unit_ = parameters_.begin_unit("cube_embedding");
  auto const initial = default_initial(in * frames * rows * columns);
  cube_ = weights_.declare("cube_embedding.proj", {d, in, frames, rows, columns}, ParameterLayout::conv, initial,
                           initial, false);
  cube_norm_.emplace_back(parameters_, "cube_embedding.norm", d, ChannelNorm::Form::vector);

  std::string const name = "u_transformer.";
  down_unit_ = parameters_.begin_unit(name + "down");
  down_ = declare_conv(weights_, name + "down.conv", d, d, 3);
  down_residual_.emplace_back(books(), name + "down", d, c.num_groups[0], low_);
  auto const window = c.window(), shift = c.shift();
  for (int i = 0; i < c.depth; ++i) {
    bool const shifted = i % 2 == 1;
    std::string const path = name + "layer.blocks." + std::to_string(i);
    int const unit = parameters_.begin_unit(path);
    blocks_.emplace_back(unit, fuxi::SwinBlock(books(), path,
                                               {tokens_, d, c.num_heads, window[0], window[1], shifted ? shift[0] : 0,
                                                shifted ? shift[1] : 0, c.proj_drop, c.attn_drop, c.drop_path_of(i)}));
  }
  up_unit_ = parameters_.begin_unit(name + "up");
  up_ = TransposedDoubling(weights_, name + "up.conv", 2 * d, d);
  up_residual_.emplace_back(books(), name + "up", d, c.num_groups[1], doubled_);
  fc_unit_ = parameters_.begin_unit("fc");
  fc_ = declare_linear(weights_, "fc", {rows * columns * c.fields.out(), d});
}

Var Fuxi::embed(Context& ctx, PreparedWeights const& weights, Var const& input) const
{
  index_t const batch = input.value().extent(0), frames = config_.fields.frames, kept = config_.frame_patch_size;
  Var x = input;
  if (frames != kept) {
    Shape shape = x.value().shape();
    shape.back() = shape.back() / frames * kept;
    x = apply_stencil(ctx, first_frames_.get(ctx.exec), reshape(ctx, x, {product(shape) / kept, frames, 1}), {kept});
    x = reshape(ctx, x, shape);
  }
  Shape const grid = grids_.extents(patch_grid_);
  index_t const cells = index_t(config_.patch_height) * config_.patch_width, channels = x.value().extent(3);
  x = map_cells(ctx, grids_[patches_], x, {grid[0] * grid[1], cells});
  x = linear(ctx, reshape(ctx, x, {batch, grid[0], grid[1], cells * channels}), weights[cube_]);
  return cube_norm_.front().forward(ctx, weights, x);
}

Var Fuxi::halve(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  Shape const grid = grids_.extents(low_);
  Var const y = map_convolution(ctx, grids_[halving_], x, {{weights[down_], {3, 2, 0}}}, grid[0], grid[1]);
  return down_residual_.front().forward(ctx, weights, y);
}

/// Each cell's features are its patch: row, column, channel.
Var Fuxi::hand_out(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  Var const y = linear(ctx, cast(ctx, x, precision_.output), weights[fc_]);
  show("fc", y, doubled_);
  Shape const& s = y.value().shape();
  index_t const out = config_.fields.out();
  Var const cells = reshape(ctx, y, {s[0], s[1] * s[2] * s[3] / out, out});
  return map_cells_back(ctx, grids_[fine_patches_], cells, grids_.extents(fine_));
}

Var Fuxi::forward(Context& ctx, Var const& input)
{
  Shape const tile = grids_.extents(image_);
  ROSSBY_EXPECT(input.value().rank() == 4 && input.value().extent(1) * input.value().extent(2) == tile[0] * tile[1] &&
                input.value().extent(3) == fields().input_channels());
  auto const weights = weights_.prepare(ctx);
  auto const run = [&](int number, bool checkpoint, Var const& x, auto const& body) {
    return unit(ctx, weights, number, checkpoint, x, body);
  };
  using Weights = PreparedWeights const;
  Var x = run(cube_unit_, false, cast(ctx, input, precision_.fields),
              [this](Context& c, Weights& w, Var const& in) { return embed(c, w, in); });
  show("cube", x, patch_grid_);
  Var const shortcut = run(down_unit_, activation_checkpoint_, x,
                           [this](Context& c, Weights& w, Var const& in) { return halve(c, w, in); });
  show("down", shortcut, low_);
  x = map_cells(ctx, grids_[margins_].map, shortcut, grids_.extents(tokens_));
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    x = run(blocks_[i].first, activation_checkpoint_, x,
            [&block = blocks_[i].second](Context& c, Weights& w, Var const& in) { return block.forward(c, w, in); });
    show("block" + std::to_string(i), x, tokens_);
  }
  x = concatenate(ctx, shortcut, map_cells_back(ctx, grids_[margins_].map, x, grids_.extents(low_)));
  x = run(up_unit_, activation_checkpoint_, x, [this](Context& c, Weights& w, Var const& in) {
    return up_residual_.front().forward(c, w, up_.forward(c, w, in));
  });
  show("up", x, doubled_);
  x = run(fc_unit_, false, x, [this](Context& c, Weights& w, Var const& in) { return hand_out(c, w, in); });
  return unpad_shard_interp(ctx, cast(ctx, x, precision_.parameters), grids_[unpad_]);
}

} // namespace

std::unique_ptr<Model> FuxiConfig::make() const { return std::make_unique<Fuxi>(*this); }

} // namespace rossby
