#include <rossby/nn/decoder.hpp>

#include <cmath>

namespace rossby {

namespace {

/// Convolutions before a pixel shuffle: kaiming normal (fan in, a = 0), the same for the four pixels of a cell.
int declare_shuffled_conv(WeightBook& book, std::string const& name, UpsamplingDetails const& details, index_t out,
                          index_t in)
{
  if (!details.icnr)
    return declare_conv(book, name, out, in, 3);
  Initial const icnr{Initial::Kind::icnr, std::sqrt(2.0 / (9.0 * static_cast<double>(in)))};
  return book.declare(name, {out, in, 3, 3}, ParameterLayout::conv, icnr, Initial{});
}

int declare_sharpening(WeightBook& book, std::string const& name, UpsamplingDetails const& details, index_t channels)
{
  Initial const xavier{Initial::Kind::normal, std::sqrt(2.0 / (18.0 * static_cast<double>(channels)))};
  return book.declare(name, {channels, channels, 3, 3}, ParameterLayout::conv, xavier, Initial{},
                      details.normalise_sharpening);
}

/// 3x3 convolution of the bilinearly doubled field: the doubled tile gets its border from the coarse one's.
Var doubled_conv3x3(Context& ctx, GridBook const& grids, Doubler const& how, DoublerBorders const& border,
                    Weight const& w, Var const& x, std::optional<DType> result = {})
{
  BoxMap const& coarse_border = grids[border.coarse];
  Var const coarse = map_cells(ctx, coarse_border.map, x, coarse_border.cells);
  Var const doubled = apply_stencil(ctx, grids[border.doubling], coarse, grids[border.fine].cells);
  Shape const fine = grids.extents(how.fine);
  return convolution(ctx, doubled, {{w, {3, 1, 0}}}, fine[0], fine[1], result);
}

/// A transposed convolution of kernel 4, stride 2, padding 1 as a 3x3 convolution to four pixels a cell: fine row
/// 2i + a receives kernel row p from coarse row i + d where 2d = a + 1 - p.
ModuleStencil spread_transposed_kernel(index_t out)
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

DoublerBorders::DoublerBorders(Doubler const& how, GridBook& grids)
    : coarse(grids.halo(how.coarse, how.coarse, {})), fine(grids.halo(how.fine, how.fine, {}))
{
  if (how.kind == Upsampling::bilinear)
    doubling = grids.doubling(how.coarse, how.fine);
}

UpBlock::UpBlock(Books const& books, std::string const& name, Doubler const& how, index_t in, index_t out,
                 index_t groups)
    : grids_(&books.grids), how_(how), border_(how, books.grids),
      conv_(how.kind == Upsampling::pixel_shuffle
                ? declare_shuffled_conv(books.weights, name + ".conv", how.details, 4 * out, in)
            : how.kind == Upsampling::bilinear ? declare_conv(books.weights, name + ".conv", out, in, 3)
                                               : -1),
      sharp_(how.kind == Upsampling::pixel_shuffle
                 ? declare_sharpening(books.weights, name + ".sharp", how.details, out)
                 : -1),
      transposed_(how.kind == Upsampling::transposed ? TransposedDoubling(books.weights, name + ".conv", in, out)
                                                     : TransposedDoubling()),
      residual_(books, name, out, groups, how.fine)
{
}

Var UpBlock::forward(Context& ctx, PreparedWeights const& weights, Var const& x) const
{
  GridBook const& grids = *grids_;
  Var y;
  switch (how_.kind) {
  case Upsampling::pixel_shuffle:
    y = pixel_shuffle(ctx, conv3x3(ctx, grids[border_.coarse], grids.extents(how_.coarse), weights[conv_], x));
    y = add(ctx, y, conv3x3(ctx, grids[border_.fine], grids.extents(how_.fine), weights[sharp_], y));
    break;
  case Upsampling::transposed:
    y = transposed_.forward(ctx, weights, x);
    break;
  case Upsampling::bilinear:
    y = doubled_conv3x3(ctx, grids, how_, border_, weights[conv_], x);
    break;
  }
  return residual_.forward(ctx, weights, y);
}

FinalBlock::FinalBlock(Books const& books, std::string const& name, Doubler const& how, index_t in, index_t out)
    : grids_(&books.grids), how_(how), border_(how, books.grids), out_(out)
{
  switch (how.kind) {
  case Upsampling::pixel_shuffle:
    first_ = declare_shuffled_conv(books.weights, name + ".0", how.details, 4 * out, in);
    second_ = declare_conv(books.weights, name + ".2", out, out, 3);
    break;
  case Upsampling::transposed:
    first_ = declare_transposed(books.weights, name, in, out, 4);
    weight_spread_ = spread_transposed_kernel(out);
    biases_ = FourBiases(out);
    break;
  case Upsampling::bilinear:
    first_ = declare_conv(books.weights, name + ".1", out, in, 3);
    break;
  }
}

Var FinalBlock::forward(Context& ctx, PreparedWeights const& weights, Var const& x, std::optional<DType> result) const
{
  GridBook const& grids = *grids_;
  Weight const& w = weights[first_];
  BoxMap const& coarse_border = grids[border_.coarse];
  Shape const coarse = grids.extents(how_.coarse);
  switch (how_.kind) {
  case Upsampling::pixel_shuffle: {
    Var const y = pixel_shuffle(ctx, conv3x3(ctx, coarse_border, coarse, w, x));
    return conv3x3(ctx, grids[border_.fine], grids.extents(how_.fine), weights[second_], y, result);
  }
  case Upsampling::transposed: {
    index_t const in = w.value.value().shape().back();
    Var const kernel =
        apply_stencil(ctx, weight_spread_.get(ctx.exec), reshape(ctx, w.value, {1, 16 * out_, in}), {36 * out_});
    Weight const four{reshape(ctx, kernel, {4 * out_, 3, 3, in}), w.scale, biases_.forward(ctx, w.bias)};
    return pixel_shuffle(ctx, conv3x3(ctx, coarse_border, coarse, four, x, result));
  }
  case Upsampling::bilinear:
    break;
  }
  return doubled_conv3x3(ctx, grids, how_, border_, w, x, result);
}

} // namespace rossby
