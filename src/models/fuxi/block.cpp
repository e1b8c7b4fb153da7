#include "block.hpp"

#include <cmath>

namespace rossby::fuxi {

namespace {
constexpr int stage = 0; // one stage: `tensor_whole: [0]` leaves all blocks uncut
constexpr index_t bias_width = 512;

/// Of an offset of `d` tokens where the largest is `most`: its logarithm, 1 at eight tokens of a window of nine.
double log_offset(index_t d, index_t most)
{
  double const u = 8.0 * static_cast<double>(d) / static_cast<double>(std::max<index_t>(most, 1));
  return std::copysign(std::log2(std::abs(u) + 1) / 3, u);
}

/// timm multiplies by the attribute `weight` of qkv and never calls the layer, so the hook of spectral norm does not
/// run: what is used is `weight_orig` as it stands, and no gradient reaches it.
int declare_qkv(Books const& books, std::string const& name, index_t dim)
{
  if (!books.weights.spectral())
    return declare_linear(books.weights, name, {3 * dim, dim}, false);
  auto& p = books.parameters;
  auto const declare = [&](char const* what, Shape shape, Initial const& initial, bool used) {
    return p.declare({name + what, std::move(shape), ParameterLayout::natural, {}, initial, false, used});
  };
  int const weight = declare(".weight_orig", {3 * dim, dim}, default_initial(dim), true);
  declare(".weight_u", {3 * dim}, {Initial::Kind::unit_vector, 1}, false);
  declare(".weight_v", {dim}, {Initial::Kind::unit_vector, 1}, false);
  return books.weights.adopt(weight);
}
} // namespace

struct OffsetBias::Plans {
  Array offsets;       ///< [(2 rows - 1) (2 columns - 1), 2]
  ops::Stencil spread; ///< from the MLP's results, [offset, head], to [head, token, token]
};

OffsetBias::OffsetBias(Books const& books, std::string const& name, BlockConfig const& c)
    : parameters_(&books.parameters), rows_(c.window_rows), columns_(c.window_columns),
      first_(declare_linear(books.weights, name + ".0", {bias_width, 2})),
      second_(declare_linear(books.weights, name + ".2", {c.heads, bias_width}, false))
{
}

Var OffsetBias::forward(Context& ctx, PreparedWeights const& weights, index_t heads) const
{
  index_t const side = 2 * columns_ - 1, offsets = (2 * rows_ - 1) * side, tokens = rows_ * columns_;
  if (!plans_) {
    std::vector<double> logs;
    for (index_t dy = 1 - rows_; dy < rows_; ++dy)
      for (index_t dx = 1 - columns_; dx < columns_; ++dx) {
        logs.push_back(log_offset(dy, rows_ - 1));
        logs.push_back(log_offset(dx, columns_ - 1));
      }
    std::vector<ops::Stencil::Entry> entries;
    for (index_t h = 0; h < heads; ++h)
      for (index_t p = 0; p < tokens; ++p)
        for (index_t q = 0; q < tokens; ++q) {
          index_t const offset =
              (p / columns_ - q / columns_ + rows_ - 1) * side + p % columns_ - q % columns_ + columns_ - 1;
          entries.push_back({(h * tokens + p) * tokens + q, offset * heads + h, 16});
        }
    plans_ = std::make_shared<Plans const>(Plans{Array::from_host(ctx.exec, dtype(), {offsets, 2}, logs),
                                                 {ctx.exec, heads * tokens * tokens, offsets * heads, entries}});
  }
  Var x = linear(ctx, Var(plans_->offsets), weights[first_]);
  x = linear(ctx, activation(ctx, ops::Activation::relu, x), weights[second_]);
  x = activation(ctx, ops::Activation::sigmoid, x);
  x = apply_stencil(ctx, plans_->spread, reshape(ctx, x, {1, offsets * heads, 1}), {heads * tokens * tokens});
  return reshape(ctx, x, {heads, tokens, tokens});
}

Attention::Attention(Books const& books, std::string const& name, BlockConfig const& c)
    : name_(name), grids_(&books.grids), config_(c),
      windows_(books.grids.windows(
          c.grid, {WindowLayout::Tokens::near, c.window_rows, c.window_columns, c.shift_rows, c.shift_columns}, stage)),
      cells_(books.grids.own_cells(c.grid)),
      logit_scale_(declare_constant(books.parameters, name + ".logit_scale", {c.heads, 1, 1}, std::log(10.0))),
      q_bias_(declare_constant(books.parameters, name + ".q_bias", {c.dim}, 0)),
      v_bias_(declare_constant(books.parameters, name + ".v_bias", {c.dim}, 0)), bias_(books, name + ".cpb_mlp", c),
      qkv_(declare_qkv(books, name + ".qkv", c.dim)),
      proj_(declare_linear(books.weights, name + ".proj", {c.dim, c.dim}))
{
  books.weights.declare(
      TensorBlock{name, "qkv", "proj", c.heads, "heads", 3, stage, {"logit_scale", "q_bias", "v_bias", "cpb_mlp.2"}});
}

/// [q_bias | 0 | v_bias]
Var Attention::qkv_bias(Context& ctx, PreparedWeights const& weights) const
{
  Var const &q = weights.parameter(q_bias_), &v = weights.parameter(v_bias_);
  index_t const n = q.value().size();
  Var const none(Array::zeros(ctx.exec, q.value().dtype(), {1, n}));
  Var const all = concatenate(ctx, concatenate(ctx, reshape(ctx, q, {1, n}), none), reshape(ctx, v, {1, n}));
  return reshape(ctx, all, {3 * n});
}

Var Attention::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  GridBook const& grids = *grids_;
  WindowMap const& windows = grids[windows_];
  int const shares = grids.shares(stage);
  index_t const batch = x.value().extent(0), heads = config_.heads / shares, dim_head = config_.dim / config_.heads;
  Shape const cells{windows.windows, windows.tokens};
  Weight const qkv{weights[qkv_].value, weights[qkv_].scale, qkv_bias(ctx, weights)};
  Var y = shares > 1 ? map_linear(ctx, windows.map, x, cells, qkv)
                     : linear(ctx, map_cells(ctx, windows.map, x, cells), qkv);
  y = reshape(ctx, y, {batch * windows.windows, windows.tokens, 3 * heads * dim_head});
  ops::CosineAttention shape{config_.window_rows, config_.window_columns, heads, dim_head,
                             config_.shift_rows,  config_.shift_columns};
  shape.seams = windows.seams;
  shape.dropout = config_.attn_drop;
  shape.key = dropout_key(ctx, name_);
  shape.windows = windows.numbers;
  shape.first_head = grids.share(stage) * heads;
  shape.all_heads = config_.heads;
  y = cosine_attention(ctx, shape, y, weights.parameter(logit_scale_), bias_.forward(ctx, weights, heads));
  y = linear(ctx, y, weights[proj_].without_bias());
  y = reshape(ctx, y, {batch, windows.windows, windows.tokens, config_.dim});
  y = add_bias(ctx, map_cells_back(ctx, windows.map, y, grids.extents(config_.grid)), weights[proj_].bias);
  return dropout(ctx, name_ + ".proj", config_.proj_drop, grids[cells_].numbers, {0, config_.dim}, y);
}

FeedForward::FeedForward(Books const& books, std::string const& name, BlockConfig const& c)
    : name_(name), grids_(&books.grids), config_(c), cells_(books.grids.cells(c.grid, stage)),
      own_cells_(books.grids.own_cells(c.grid)), up_(declare_linear(books.weights, name + ".fc1", {4 * c.dim, c.dim})),
      down_(declare_linear(books.weights, name + ".fc2", {c.dim, 4 * c.dim}))
{
  books.weights.declare(TensorBlock{name, "fc1", "fc2", 4 * c.dim, "hidden channels", 1, stage});
}

Var FeedForward::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  GridBook const& grids = *grids_;
  WindowMap const& cells = grids[cells_];
  int const shares = grids.shares(stage);
  index_t const hidden = 4 * config_.dim;
  Var y = shares > 1 ? map_linear(ctx, cells.map, x, {cells.windows}, weights[up_]) : linear(ctx, x, weights[up_]);
  y = activation(ctx, ops::Activation::gelu, y);
  y = dropout(ctx, name_ + ".hidden", config_.proj_drop, cells.numbers, {hidden / shares * grids.share(stage), hidden},
              y);
  y = linear(ctx, y, weights[down_].without_bias());
  if (shares > 1)
    y = map_cells_back(ctx, cells.map, y, grids.extents(config_.grid));
  y = add_bias(ctx, y, weights[down_].bias);
  return dropout(ctx, name_ + ".out", config_.proj_drop, grids[own_cells_].numbers, {0, config_.dim}, y);
}

SwinBlock::SwinBlock(Books const& books, std::string const& name, BlockConfig const& c)
    : name_(name), drop_path_(c.drop_path), attention_(books, name + ".attn", c),
      first_norm_(books.parameters, name + ".norm1", c.dim, ChannelNorm::Form::vector),
      feed_forward_(books, name + ".mlp", c),
      second_norm_(books.parameters, name + ".norm2", c.dim, ChannelNorm::Form::vector)
{
}

Var SwinBlock::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  Var y = first_norm_.forward(ctx, weights, attention_.forward(ctx, weights, x));
  Var const z = add(ctx, x, drop_path(ctx, name_ + ".path1", drop_path_, y));
  y = second_norm_.forward(ctx, weights, feed_forward_.forward(ctx, weights, z));
  return add(ctx, z, drop_path(ctx, name_ + ".path2", drop_path_, y));
}

} // namespace rossby::fuxi
