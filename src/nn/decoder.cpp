#include <rossby/nn/decoder.hpp>

#include <cmath>

namespace rossby {

namespace {

constexpr double norm_epsilon = 1e-5;

int declare_conv(WeightBook& book, std::string const& name, index_t out, index_t in, index_t kernel)
{
  auto const initial = default_initial(in * kernel * kernel);
  return book.declare(name, {out, in, kernel, kernel}, ParameterLayout::conv, initial, initial);
}

/// Convolutions before a pixel shuffle: kaiming normal (fan in, a = 0), the same for the four pixels of a cell.
int declare_shuffled_conv(WeightBook& book, std::string const& name, UpsamplingDetails const& details, index_t out,
                          index_t in)
{
  if (!details.icnr)
    return declare_conv(book, name, out, in, 3);
  Initial const icnr{Initial::Kind::icnr, std::sqrt(2.0 / (9.0 * static_cast<double>(in)))};
  return book.declare(name, {out, in, 3, 3}, ParameterLayout::conv, icnr, Initial{});
}

int declare_transposed(WeightBook& book, std::string const& name, index_t in, index_t out, index_t kernel)
{
  auto const initial = default_initial(out * kernel * kernel); // PyTorch takes the second axis for the fan in
  return book.declare(name, {in, out, kernel, kernel}, ParameterLayout::conv_transpose, initial, initial);
}

/// 3x3 convolution of a tile whose border comes from its neighbours.
Var conv3x3(Context& ctx, BoxMap const& border, Shape const& tile, Weight const& w, Var const& x,
            std::optional<DType> result = {})
{
  return map_convolution(ctx, border, x, {{w, {3, 1, 0}}}, tile[0], tile[1], result);
}

/// 3x3 convolution of the bilinearly doubled field: the doubled tile gets its border from the coarse one's.
Var doubled_conv3x3(Context& ctx, DecoderGrid const& grid, Weight const& w, Var const& x,
                    std::optional<DType> result = {})
{
  Var const coarse = map_cells(ctx, grid.coarse_border->map, x, grid.coarse_border->cells);
  Var const fine = apply_stencil(ctx, *grid.doubling, coarse, grid.fine_border->cells);
  return convolution(ctx, fine, {{w, {3, 1, 0}}}, grid.fine[0], grid.fine[1], result);
}

/// One bias per output channel, handed to the four pixels that a pixel shuffle makes of it.
ops::Stencil spread_bias_four_times(index_t out)
{
  std::vector<ops::Stencil::Entry> entries;
  for (index_t o = 0; o < 4 * out; ++o)
    entries.push_back({o, o / 4, 1});
  return {4 * out, out, entries};
}

Var spread_bias(Context& ctx, ops::Stencil const& stencil, Var const& bias)
{
  index_t const out = bias.value().size();
  Var const spread = apply_stencil(ctx, stencil, reshape(ctx, bias, {1, out, 1}), {4 * out});
  return reshape(ctx, spread, {4 * out});
}

/// A transposed convolution of kernel 4, stride 2, padding 1 as a 3x3 convolution to four pixels a cell: fine row
/// 2i + a receives kernel row p from coarse row i + d where 2d = a + 1 - p.
ops::Stencil spread_transposed_kernel(index_t out)
{
  std::vector<ops::Stencil::Entry> entries;
  for (index_t o = 0; o < out; ++o)
    for (index_t a = 0; a < 4; ++a)
      for (index_t r = 0; r < 3; ++r)
        for (index_t s = 0; s < 3; ++s) {
          index_t const p = a / 2 + 1 - 2 * (r - 1), q = a % 2 + 1 - 2 * (s - 1);
          if (p >= 0 && p < 4 && q >= 0 && q < 4)
            entries.push_back({((4 * o + a) * 3 + r) * 3 + s, (o * 4 + p) * 4 + q, 1});
        }
  return {36 * out, 16 * out, entries};
}

} // namespace

UpBlock::UpBlock(Parameters& p, WeightBook& book, std::string const& name, Upsampling kind,
                 UpsamplingDetails const& details, index_t in, index_t out, index_t groups)
    : kind_(kind), out_(out), groups_(groups)
{
  switch (kind) {
  case Upsampling::pixel_shuffle: {
    conv_ = declare_shuffled_conv(book, name + ".conv", details, 4 * out, in);
    Initial const xavier{Initial::Kind::normal, std::sqrt(2.0 / (18.0 * static_cast<double>(out)))};
    sharp_ = book.declare(name + ".sharp", {out, out, 3, 3}, ParameterLayout::conv, xavier, Initial{},
                          details.normalise_sharpening);
    break;
  }
  case Upsampling::transposed:
    conv_ = declare_transposed(book, name + ".conv", in, out, 2);
    bias_spread_ = spread_bias_four_times(out);
    break;
  case Upsampling::bilinear:
    conv_ = declare_conv(book, name + ".conv", out, in, 3);
    break;
  }
  for (int i = 0; i < 2; ++i) {
    residual_[i] = declare_conv(book, name + ".b." + std::to_string(3 * i), out, out, 3);
    std::string const norm = name + ".b." + std::to_string(3 * i + 1);
    gain_[i] = p.declare({norm + ".weight", {out}, ParameterLayout::natural, {}, {Initial::Kind::constant, 1}});
    bias_[i] = p.declare({norm + ".bias", {out}, ParameterLayout::natural, {}, {Initial::Kind::constant, 0}});
  }
}

Var UpBlock::forward(Context& ctx, PreparedWeights const& weights, DecoderGrid const& grid, Var const& x) const
{
  Weight const& w = weights[conv_];
  Var y;
  switch (kind_) {
  case Upsampling::pixel_shuffle:
    y = pixel_shuffle(ctx, conv3x3(ctx, *grid.coarse_border, grid.coarse, w, x));
    y = add(ctx, y, conv3x3(ctx, *grid.fine_border, grid.fine, weights[sharp_], y));
    break;
  case Upsampling::transposed: { // kernel 2, stride 2: each cell makes its own four pixels
    index_t const in = w.value.value().shape().back();
    Weight const four{reshape(ctx, w.value, {4 * out_, in}), w.scale, spread_bias(ctx, bias_spread_, w.bias)};
    y = pixel_shuffle(ctx, linear(ctx, x, four));
    break;
  }
  case Upsampling::bilinear:
    y = doubled_conv3x3(ctx, grid, w, x);
    break;
  }
  Var z = y;
  for (int i = 0; i < 2; ++i) {
    z = conv3x3(ctx, *grid.fine_border, grid.fine, weights[residual_[i]], z);
    z = group_norm(ctx, grid.group, z, groups_, norm_epsilon, weights.parameter(gain_[i]), weights.parameter(bias_[i]));
    z = activation(ctx, ops::Activation::silu, z);
  }
  return add(ctx, z, y);
}

FinalBlock::FinalBlock(WeightBook& book, std::string const& name, Upsampling kind, UpsamplingDetails const& details,
                       index_t in, index_t out)
    : kind_(kind), out_(out)
{
  switch (kind) {
  case Upsampling::pixel_shuffle:
    first_ = declare_shuffled_conv(book, name + ".0", details, 4 * out, in);
    second_ = declare_conv(book, name + ".2", out, out, 3);
    break;
  case Upsampling::transposed:
    first_ = declare_transposed(book, name, in, out, 4);
    weight_spread_ = spread_transposed_kernel(out);
    bias_spread_ = spread_bias_four_times(out);
    break;
  case Upsampling::bilinear:
    first_ = declare_conv(book, name + ".1", out, in, 3);
    break;
  }
}

Var FinalBlock::forward(Context& ctx, PreparedWeights const& weights, DecoderGrid const& grid, Var const& x,
                        std::optional<DType> result) const
{
  Weight const& w = weights[first_];
  switch (kind_) {
  case Upsampling::pixel_shuffle: {
    Var const y = pixel_shuffle(ctx, conv3x3(ctx, *grid.coarse_border, grid.coarse, w, x));
    return conv3x3(ctx, *grid.fine_border, grid.fine, weights[second_], y, result);
  }
  case Upsampling::transposed: {
    index_t const in = w.value.value().shape().back();
    Var const kernel = apply_stencil(ctx, weight_spread_, reshape(ctx, w.value, {1, 16 * out_, in}), {36 * out_});
    Weight const four{reshape(ctx, kernel, {4 * out_, 3, 3, in}), w.scale, spread_bias(ctx, bias_spread_, w.bias)};
    return pixel_shuffle(ctx, conv3x3(ctx, *grid.coarse_border, grid.coarse, four, x, result));
  }
  case Upsampling::bilinear:
    break;
  }
  return doubled_conv3x3(ctx, grid, w, x, result);
}

} // namespace rossby
