#include <rossby/nn/transformer.hpp>

namespace rossby {

namespace {
/// Pair of tokens <- offset. CREDIT builds the index for offsets -(w-1)..w-1 and reads a table of offsets -w..w with
/// it.
ModuleStencil table_of(index_t w)
{
  index_t const tokens = w * w;
  std::vector<ops::Stencil::Entry> entries;
  for (index_t p = 0; p < tokens; ++p)
    for (index_t q = 0; q < tokens; ++q)
      entries.push_back({p * tokens + q, (p / w - q / w + w - 1) * (2 * w - 1) + (p % w - q % w + w - 1), 1});
  return {tokens * tokens, (2 * w + 1) * (2 * w + 1), std::move(entries)};
}
} // namespace

PositionBias::PositionBias(Parameters& p, WeightBook& book, std::string const& name, index_t dim, index_t window)
    : parameters_(&p), window_(window), from_table_(table_of(window))
{
  index_t const width = dim / 4;
  for (int i = 0; i < 4; ++i) {
    std::string const layer = name + ".layers." + std::to_string(3 * i);
    linear_[i] = declare_linear(book, layer, {i == 3 ? 1 : width, i == 0 ? 2 : width});
    if (i == 3)
      break;
    std::string const norm = name + ".layers." + std::to_string(3 * i + 1);
    gain_[i] = declare_constant(p, norm + ".weight", {width}, 1);
    bias_[i] = declare_constant(p, norm + ".bias", {width}, 0);
  }
}

Var PositionBias::forward(Context& ctx, PreparedWeights const& weights) const
{
  index_t const w = window_, side = 2 * w + 1, tokens = w * w;
  if (!offsets_) {
    std::vector<double> offsets;
    for (index_t a = -w; a <= w; ++a)
      for (index_t b = -w; b <= w; ++b) {
        offsets.push_back(static_cast<double>(a));
        offsets.push_back(static_cast<double>(b));
      }
    offsets_ = Array::from_host(ctx.exec, parameters_->dtype(), {side * side, 2}, offsets);
  }
  Var x(offsets_);
  for (int i = 0; i < 3; ++i) {
    x = linear(ctx, x, weights[linear_[i]]);
    x = channel_norm(ctx, x, weights.parameter(gain_[i]), weights.parameter(bias_[i]), norm_epsilon);
    x = activation(ctx, ops::Activation::relu, x);
  }
  x = linear(ctx, x, weights[linear_[3]]);
  x = apply_stencil(ctx, from_table_.get(ctx.exec), reshape(ctx, x, {1, side * side, 1}), {tokens * tokens});
  return reshape(ctx, x, {tokens, tokens});
}

Attention::Attention(Books const& books, std::string const& name, TransformerConfig const& c,
                     WindowLayout const& layout)
    : name_(name), grids_(&books.grids), grid_(c.grid), stage_(c.stage),
      windows_(books.grids.windows(c.grid, layout, c.stage)), tokens_(layout.rows * layout.columns),
      heads_(c.dim / c.dim_head), dim_head_(c.dim_head), dropout_(c.attn_dropout),
      norm_(books.parameters, name + ".norm", c.dim),
      to_qkv_(declare_linear(books.weights, name + ".to_qkv", {3 * heads_ * c.dim_head, c.dim, 1, 1}, false)),
      to_out_(declare_linear(books.weights, name + ".to_out", {c.dim, heads_ * c.dim_head, 1, 1})),
      position_(books.parameters, books.weights, name + ".dpb", c.dim, layout.rows)
{
  books.weights.declare(TensorBlock{name, "to_qkv", "to_out", heads_, "heads", 3, c.stage});
}

Var Attention::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  GridBook const& grids = *grids_;
  WindowMap const& windows = grids[windows_];
  int const shares = grids.shares(stage_);
  index_t const batch = x.value().extent(0), heads = heads_ / shares;
  Shape const cells{windows.windows, windows.tokens};
  Var y = norm_.forward(ctx, weights, x);
  y = shares > 1 ? map_linear(ctx, windows.map, y, cells, weights[to_qkv_])
                 : linear(ctx, map_cells(ctx, windows.map, y, cells), weights[to_qkv_]);
  y = reshape(ctx, y, {batch * windows.windows, tokens_, 3 * heads * dim_head_});
  ops::WindowAttention const shape{
      tokens_, heads, dim_head_, dropout_, dropout_key(ctx, name_), windows.numbers, grids.share(stage_) * heads,
      heads_};
  y = window_attention(ctx, shape, y, position_.forward(ctx, weights));
  y = linear(ctx, y, weights[to_out_].without_bias());
  y = reshape(ctx, y, {batch, windows.windows, tokens_, x.value().shape().back()});
  return add_with_bias(ctx, map_cells_back(ctx, windows.map, y, grids.extents(grid_)), weights[to_out_].bias, x);
}

FeedForward::FeedForward(Books const& books, std::string const& name, TransformerConfig const& c)
    : name_(name), grids_(&books.grids), grid_(c.grid), stage_(c.stage), cells_(books.grids.cells(c.grid, c.stage)),
      hidden_(4 * c.dim), dropout_(c.ff_dropout), norm_(books.parameters, name + ".layers.0", c.dim),
      up_(declare_linear(books.weights, name + ".layers.1", {hidden_, c.dim, 1, 1})),
      down_(declare_linear(books.weights, name + ".layers.4", {c.dim, hidden_, 1, 1}))
{
  books.weights.declare(TensorBlock{name, "layers.1", "layers.4", hidden_, "hidden channels", 1, c.stage});
}

Var FeedForward::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  GridBook const& grids = *grids_;
  WindowMap const& cells = grids[cells_];
  int const shares = grids.shares(stage_);
  Var y = norm_.forward(ctx, weights, x);
  y = shares > 1 ? map_linear(ctx, cells.map, y, {cells.windows}, weights[up_]) : linear(ctx, y, weights[up_]);
  y = activation(ctx, ops::Activation::gelu, y);
  y = dropout(ctx, name_, dropout_, cells.numbers, {hidden_ / shares * grids.share(stage_), hidden_}, y);
  y = linear(ctx, y, weights[down_].without_bias());
  if (shares > 1)
    y = map_cells_back(ctx, cells.map, y, grids.extents(grid_));
  return add_with_bias(ctx, y, weights[down_].bias, x);
}

TransformerLayer::TransformerLayer(Books const& books, std::string const& name, TransformerConfig const& c)
    : short_(books, name + ".0", c, {WindowLayout::Tokens::near, c.short_window, c.short_window}),
      first_(books, name + ".1", c),
      long_(books, name + ".2", c, {WindowLayout::Tokens::far, c.long_window, c.long_window}),
      second_(books, name + ".3", c)
{
}

Var TransformerLayer::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  Var y = short_.forward(ctx, weights, x);
  y = first_.forward(ctx, weights, y);
  y = long_.forward(ctx, weights, y);
  return second_.forward(ctx, weights, y);
}

} // namespace rossby
