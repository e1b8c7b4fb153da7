#include <rossby/models/pyramid/config.hpp>

namespace rossby {

namespace {
double conv(double cells, int kernel, int in, int out) { return 2.0 * cells * kernel * kernel * in * out; }

double cross_embed(PyramidConfig const& c, std::size_t s, int in, double cells)
{
  auto const widths = c.branch_channels(static_cast<int>(s));
  double flops = 0;
  for (std::size_t j = 0; j < widths.size(); ++j)
    flops += conv(cells, c.kernels[s][j], in, widths[j]);
  return flops;
}

double attention(PyramidConfig const& c, std::size_t s, int window, double cells)
{
  int const d = c.dim[s], inner = d / c.dim_head * c.dim_head, p = d / 4;
  double const projections = conv(cells, 1, d, 3 * inner) + conv(cells, 1, inner, d);
  double const scores_and_sums = 2 * (2.0 * cells * window * window * inner);
  double const offsets = (2.0 * window + 1) * (2.0 * window + 1);
  double const position_bias = offsets * 2.0 * (2.0 * p + 2.0 * p * p + p);
  return projections + scores_and_sums + position_bias;
}

/// Upsampling by two from `cells` coarse cells.
double up_block(PyramidConfig const& c, double cells, int in, int out)
{
  double const fine = 4 * cells;
  double const residual = 2 * conv(fine, 3, out, out);
  if (c.variant().upsampling == Upsampling::pixel_shuffle)
    return conv(cells, 3, in, 4 * out) + conv(fine, 3, out, out) + residual;
  return (c.variant().upsampling == Upsampling::bilinear ? conv(fine, 3, in, out) : conv(fine, 1, in, out)) + residual;
}

double last_block(PyramidConfig const& c, double cells, int in, int out)
{
  double const fine = 4 * cells;
  if (c.variant().upsampling == Upsampling::pixel_shuffle)
    return conv(cells, 3, in, 4 * out) + conv(fine, 3, out, out);
  return c.variant().upsampling == Upsampling::bilinear ? conv(fine, 3, in, out)
                                                        : conv(fine, 2, in, out); // 4 x 4 kernel, 4 taps for each cell
}
} // namespace

std::vector<PartCost> PyramidConfig::parts() const
{
  auto const& c = *this;
  std::vector<PartCost> list;
  int in = c.embedded_channels();
  if (auto const v = c.variant(); v.patch_height > 1) {
    double const cells = static_cast<double>(c.embedded_height()) * c.embedded_width();
    double const patch = static_cast<double>(v.patch_height) * v.patch_width;
    list.push_back(
        {"patches", c.embedded_height(), c.embedded_width(), in, 2 * cells * patch * c.fields.input_channels() * in});
  }
  for (std::size_t s = 0; s < 4; ++s) {
    int const stage = static_cast<int>(s);
    PartCost part{"stage " + std::to_string(s), c.stage_extent(c.embedded_height(), stage),
                  c.stage_extent(c.embedded_width(), stage), c.dim[s], 0};
    double const cells = static_cast<double>(part.rows) * static_cast<double>(part.cols);
    double const feed_forward = 2 * conv(cells, 1, c.dim[s], 4 * c.dim[s]);
    part.flops =
        cross_embed(c, s, in, cells) + c.depth[s] * (attention(c, s, c.local_window[s], cells) +
                                                     attention(c, s, c.global_window[s], cells) + 2 * feed_forward);
    in = c.dim[s];
    list.push_back(part);
  }
  int const top = c.dim[3];
  index_t rows = list.back().rows, cols = list.back().cols;
  int width = top;
  for (int k = 1; k <= 4; ++k) {
    double const cells = static_cast<double>(rows) * static_cast<double>(cols);
    rows *= 2;
    cols *= 2;
    int const out = k < 4 ? top >> k : c.fields.output_channels();
    list.push_back({"up block " + std::to_string(k), rows, cols, out,
                    k < 4 ? up_block(c, cells, width, out) : last_block(c, cells, width, out)});
    width = out + (k < 4 ? c.dim[static_cast<std::size_t>(3 - k)] : 0); // joined with the encoder's output
  }
  return list;
}

} // namespace rossby
