#include <rossby/nn/layers.hpp>

namespace rossby {

int declare_constant(Parameters& p, std::string const& name, Shape shape, double value)
{
  return p.declare({name, std::move(shape), ParameterLayout::natural, {}, {Initial::Kind::constant, value}});
}

int declare_linear(WeightBook& book, std::string const& name, Shape shape, bool bias)
{
  auto const initial = default_initial(product(shape) / shape[0]);
  return book.declare(name, std::move(shape), ParameterLayout::natural, initial,
                      bias ? std::optional<Initial>(initial) : std::nullopt);
}

int declare_conv(WeightBook& book, std::string const& name, index_t out, index_t in, index_t kernel)
{
  auto const initial = default_initial(in * kernel * kernel);
  return book.declare(name, {out, in, kernel, kernel}, ParameterLayout::conv, initial, initial);
}

int declare_transposed(WeightBook& book, std::string const& name, index_t in, index_t out, index_t kernel)
{
  auto const initial = default_initial(out * kernel * kernel); // PyTorch takes the second axis for the fan in
  return book.declare(name, {in, out, kernel, kernel}, ParameterLayout::conv_transpose, initial, initial);
}

ChannelNorm::ChannelNorm(Parameters& p, std::string const& name, index_t channels, Form form)
{
  bool const image = form == Form::image;
  Shape const shape = image ? Shape{1, channels, 1, 1} : Shape{channels};
  gain_ = declare_constant(p, name + (image ? ".g" : ".weight"), shape, 1);
  bias_ = declare_constant(p, name + (image ? ".b" : ".bias"), shape, 0);
}

Var ChannelNorm::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  return channel_norm(ctx, x, weights.parameter(gain_), weights.parameter(bias_), norm_epsilon);
}

Var conv3x3(Context& ctx, BoxMap const& border, Shape const& tile, Weight const& w, Var const& x,
            std::optional<DType> result)
{
  return map_convolution(ctx, border, x, {{w, {3, 1, 0}}}, tile[0], tile[1], result);
}

ResidualBlock::ResidualBlock(Books const& books, std::string const& name, index_t channels, index_t groups, GridId grid)
    : grids_(&books.grids), grid_(grid), border_(books.grids.halo(grid, grid, {})), groups_(groups)
{
  for (int i = 0; i < 2; ++i) {
    convolution_[i] = declare_conv(books.weights, name + ".b." + std::to_string(3 * i), channels, channels, 3);
    std::string const norm = name + ".b." + std::to_string(3 * i + 1);
    gain_[i] = declare_constant(books.parameters, norm + ".weight", {channels}, 1);
    bias_[i] = declare_constant(books.parameters, norm + ".bias", {channels}, 0);
  }
}

Var ResidualBlock::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  GridBook const& grids = *grids_;
  Var y = x;
  for (int i = 0; i < 2; ++i) {
    y = conv3x3(ctx, grids[border_], grids.extents(grid_), weights[convolution_[i]], y);
    y = group_norm(ctx, grids.group(), y, groups_, norm_epsilon, weights.parameter(gain_[i]),
                   weights.parameter(bias_[i]));
    y = activation(ctx, ops::Activation::silu, y);
  }
  return add(ctx, y, x);
}

ops::Stencil const& ModuleStencil::get(Exec const& exec) const
{
  if (!made_)
    made_ = std::make_shared<ops::Stencil const>(exec, targets_, sources_, entries_);
  return *made_;
}

FourBiases::FourBiases(index_t out)
{
  std::vector<ops::Stencil::Entry> entries;
  for (index_t o = 0; o < 4 * out; ++o)
    entries.push_back({o, o / 4, 1});
  spread_ = {4 * out, out, entries};
}

Var FourBiases::forward(Context& ctx, Var const& bias) const
{
  index_t const out = bias.value().size();
  Var const spread = apply_stencil(ctx, spread_.get(ctx.exec), reshape(ctx, bias, {1, out, 1}), {4 * out});
  return reshape(ctx, spread, {4 * out});
}

TransposedDoubling::TransposedDoubling(WeightBook& book, std::string const& name, index_t in, index_t out)
    : in_(in), out_(out), weight_(declare_transposed(book, name, in, out, 2)), biases_(out)
{
}

Var TransposedDoubling::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  Weight const& w = weights[weight_];
  Weight const four{reshape(ctx, w.value, {4 * out_, in_}), w.scale, biases_.forward(ctx, w.bias)};
  return pixel_shuffle(ctx, linear(ctx, x, four));
}

} // namespace rossby
