#include <rossby/nn/transformer.hpp>

namespace rossby {

namespace {

constexpr double norm_epsilon = 1e-5;

int declare_constant(Parameters& p, std::string const& name, Shape shape, double value)
{
  return p.declare({name, std::move(shape), ParameterLayout::natural, {}, {Initial::Kind::constant, value}});
}

int declare_linear(WeightBook& book, std::string const& name, Shape shape, bool bias = true)
{
  auto const initial = default_initial(product(shape) / shape[0]);
  return book.declare(name, std::move(shape), ParameterLayout::natural, initial,
                      bias ? std::optional<Initial>(initial) : std::nullopt);
}

} // namespace

ChannelNorm::ChannelNorm(Parameters& p, std::string const& name, index_t channels)
    : gain_(declare_constant(p, name + ".g", {1, channels, 1, 1}, 1)),
      bias_(declare_constant(p, name + ".b", {1, channels, 1, 1}, 0))
{
}

Var ChannelNorm::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  return channel_norm(ctx, x, weights.parameter(gain_), weights.parameter(bias_), norm_epsilon);
}

PositionBias::PositionBias(Parameters& p, WeightBook& book, std::string const& name, index_t dim, index_t window)
    : parameters_(&p), window_(window)
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
  std::vector<double> offsets;
  for (index_t a = -w; a <= w; ++a)
    for (index_t b = -w; b <= w; ++b) {
      offsets.push_back(static_cast<double>(a));
      offsets.push_back(static_cast<double>(b));
    }
  Var x(Array::from_host(dtype(), {side * side, 2}, offsets));
  for (int i = 0; i < 3; ++i) {
    x = linear(ctx, x, weights[linear_[i]]);
    x = channel_norm(ctx, x, weights.parameter(gain_[i]), weights.parameter(bias_[i]), norm_epsilon);
    x = activation(ctx, ops::Activation::relu, x);
  }
  x = linear(ctx, x, weights[linear_[3]]);

  // CREDIT builds the index for offsets -(w-1)..w-1 and reads a table of offsets -w..w with it.
  std::vector<index_t> row(static_cast<std::size_t>(tokens * tokens));
  for (index_t p = 0; p < tokens; ++p)
    for (index_t q = 0; q < tokens; ++q)
      row[static_cast<std::size_t>(p * tokens + q)] = (p / w - q / w + w - 1) * (2 * w - 1) + (p % w - q % w + w - 1);
  return gather_rows(ctx, x, row, {tokens, tokens});
}

Attention::Attention(Parameters& p, WeightBook& book, std::string const& name, TransformerConfig const& c,
                     index_t window)
    : name_(name), tokens_(window * window), heads_(c.dim / c.dim_head), dim_head_(c.dim_head),
      dropout_(c.attn_dropout), norm_(p, name + ".norm", c.dim),
      to_qkv_(declare_linear(book, name + ".to_qkv", {3 * heads_ * c.dim_head, c.dim, 1, 1}, false)),
      to_out_(declare_linear(book, name + ".to_out", {c.dim, heads_ * c.dim_head, 1, 1})),
      position_(p, book, name + ".dpb", c.dim, window)
{
  book.declare(TensorBlock{name, "to_qkv", "to_out", heads_, "heads", 3, c.stage});
}

Var Attention::forward(Context& ctx, PreparedWeights const& weights, LayerGrid const& grid, LayerTokens const& windows,
                       Var const& x) const
{
  index_t const batch = x.value().extent(0), heads = heads_ / grid.shares;
  Shape const cells{windows.windows, windows.tokens};
  Var y = norm_.forward(ctx, weights, x);
  y = grid.shares > 1 ? map_linear(ctx, *windows.map, y, cells, weights[to_qkv_])
                      : linear(ctx, map_cells(ctx, *windows.map, y, cells), weights[to_qkv_]);
  y = reshape(ctx, y, {batch * windows.windows, tokens_, 3 * heads * dim_head_});
  ops::WindowAttention const shape{
      tokens_, heads, dim_head_, dropout_, dropout_key(ctx, name_), windows.numbers, grid.share * heads, heads_};
  y = window_attention(ctx, shape, y, position_.forward(ctx, weights));
  y = linear(ctx, y, weights[to_out_].without_bias());
  y = reshape(ctx, y, {batch, windows.windows, tokens_, x.value().shape().back()});
  return add_with_bias(ctx, map_cells_back(ctx, *windows.map, y, grid.tile), weights[to_out_].bias, x);
}

FeedForward::FeedForward(Parameters& p, WeightBook& book, std::string const& name, TransformerConfig const& c)
    : name_(name), hidden_(4 * c.dim), dropout_(c.ff_dropout), norm_(p, name + ".layers.0", c.dim),
      up_(declare_linear(book, name + ".layers.1", {hidden_, c.dim, 1, 1})),
      down_(declare_linear(book, name + ".layers.4", {c.dim, hidden_, 1, 1}))
{
  book.declare(TensorBlock{name, "layers.1", "layers.4", hidden_, "hidden channels", 1, c.stage});
}

Var FeedForward::forward(Context& ctx, PreparedWeights const& weights, LayerGrid const& grid, Var const& x) const
{
  bool const shared = grid.shares > 1;
  Var y = norm_.forward(ctx, weights, x);
  y = shared ? map_linear(ctx, *grid.cells.map, y, {grid.cells.windows}, weights[up_]) : linear(ctx, y, weights[up_]);
  y = activation(ctx, ops::Activation::gelu, y);
  y = dropout(ctx, name_, dropout_, grid.cells.numbers, {hidden_ / grid.shares * grid.share, hidden_}, y);
  y = linear(ctx, y, weights[down_].without_bias());
  if (shared)
    y = map_cells_back(ctx, *grid.cells.map, y, grid.tile);
  return add_with_bias(ctx, y, weights[down_].bias, x);
}

TransformerLayer::TransformerLayer(Parameters& p, WeightBook& book, std::string const& name, TransformerConfig const& c)
    : short_(p, book, name + ".0", c, c.short_window), first_(p, book, name + ".1", c),
      long_(p, book, name + ".2", c, c.long_window), second_(p, book, name + ".3", c)
{
}

Var TransformerLayer::forward(Context& ctx, PreparedWeights const& weights, LayerGrid const& grid, Var const& x) const
{
  Var y = short_.forward(ctx, weights, grid, grid.short_windows, x);
  y = first_.forward(ctx, weights, grid, y);
  y = long_.forward(ctx, weights, grid, grid.long_windows, y);
  return second_.forward(ctx, weights, grid, y);
}

} // namespace rossby
