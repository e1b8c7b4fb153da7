#include <rossby/ops/conv.hpp>
#include <support/gradient_check.hpp>

namespace rossby {
namespace {
using namespace test;

/// Sizes of one convolution; the input has `slack` rows and columns more at the bottom and right than it needs.
struct Case {
  char const* what;
  index_t batch, out_rows, out_cols, in, out;
  ops::ConvShape shape;
  index_t channel0, channels_after, slack;

  index_t rows() const { return shape.offset + (out_rows - 1) * shape.stride + shape.kernel + slack; }
  index_t cols() const { return shape.offset + (out_cols - 1) * shape.stride + shape.kernel + slack; }
  Shape x() const { return {batch, rows(), cols(), in}; }
  Shape w() const { return {out, shape.kernel, shape.kernel, in}; }
  Shape y() const { return {batch, out_rows, out_cols, channel0 + out + channels_after}; }
};

Case const cases[] = {
    {"point", 2, 3, 4, 5, 3, {1, 1, 0}, 0, 0, 0},
    {"3x3", 2, 4, 5, 2, 3, {3, 1, 0}, 0, 0, 0},
    {"3x3 among other channels", 1, 4, 5, 2, 3, {3, 1, 0}, 2, 1, 1},
    {"strided, offset border", 3, 3, 2, 2, 4, {4, 2, 3}, 1, 2, 4},
    {"stride wider than kernel", 2, 3, 4, 3, 2, {2, 3, 1}, 0, 0, 2},
    {"kernel much wider than stride", 1, 3, 3, 1, 2, {8, 2, 0}, 0, 0, 0},
    {"one output cell", 2, 1, 1, 3, 2, {2, 2, 0}, 0, 0, 0},
};

Values reference(Case const& c, Array const& x, Array const& w, double scale, Array const& bias, Values y)
{
  auto const hx = x.to_host(), hw = w.to_host(), hb = bias ? bias.to_host() : Values(at(c.out), 0.0);
  index_t const k = c.shape.kernel, total = c.y()[3];
  for (index_t b = 0; b < c.batch; ++b)
    for (index_t i = 0; i < c.out_rows; ++i)
      for (index_t j = 0; j < c.out_cols; ++j)
        for (index_t o = 0; o < c.out; ++o) {
          double sum = 0;
          for (index_t p = 0; p < k; ++p)
            for (index_t q = 0; q < k; ++q)
              for (index_t n = 0; n < c.in; ++n) {
                index_t const row = c.shape.offset + i * c.shape.stride + p,
                              col = c.shape.offset + j * c.shape.stride + q;
                sum += hw[at(((o * k + p) * k + q) * c.in + n)] *
                       hx[at(((b * c.rows() + row) * c.cols() + col) * c.in + n)];
              }
          y[at(((b * c.out_rows + i) * c.out_cols + j) * total + c.channel0 + o)] = scale * sum + hb[at(o)];
        }
  return y;
}

void check_forward(Case const& c, DType type, bool with_bias)
{
  SCOPED_TRACE(c.what);
  Array const x = random_array(type, c.x(), 1), w = random_array(type, c.w(), 2),
              bias = with_bias ? random_array(type, {c.out}, 3) : Array(), y = random_array(type, c.y(), 4);
  auto const wanted = reference(c, x, w, 0.3, bias, y.to_host());
  ops::conv_forward(Exec(), c.shape, x, w, 0.3, bias, y, c.channel0);
  expect_close(y, wanted);
}

TEST(Conv, PlainReference)
{
  for (auto const& c : cases) {
    check_forward(c, DType::float64, true);
    check_forward(c, DType::float64, false);
    check_forward(c, DType::float32, true);
  }
}

TEST(Conv, Gradients)
{
  double const scale = 0.3;
  for (auto const& c : cases) {
    SCOPED_TRACE(c.what);
    check_gradients(
        {random_array(DType::float64, c.x(), 1), random_array(DType::float64, c.w(), 2),
         random_array(DType::float64, {c.out}, 3)},
        [&](Arrays const& in) {
          Array const y = Array::zeros(Exec(), DType::float64, c.y());
          ops::conv_forward(Exec(), c.shape, in[0], in[1], scale, in[2], y, c.channel0);
          return y;
        },
        [&](Arrays const& in, Array const& dy) {
          Array const dx = sum_begun(in[0]), dw = sum_begun(in[1]), db = sum_begun(in[2]);
          ops::conv_backward(Exec(), c.shape, in[0], in[1], scale, dy, c.channel0, dx, dw, db);
          auto dw_scaled = added(dw).to_host(); // of the scaled weight
          for (double& e : dw_scaled)
            e *= scale;
          return Arrays{added(dx), Array::from_host(DType::float64, c.w(), dw_scaled), added(db)};
        });
  }
}

// Patches of one output row are some 300 KiB here, so that a block of patches holds three rows of a sample's four, and
// blocks begin and end inside samples.
TEST(Conv, BlocksThatSpanSamples)
{
  Case const c{"blocks", 3, 4, 32, 19, 2, {8, 3, 1}, 0, 0, 0};
  check_forward(c, DType::float64, true);

  // The adjoint through <F x, y> = <x, F* y>, sample by sample and for the weight: F is linear in each.
  Array const x = random_array(DType::float64, c.x(), 1), w = random_array(DType::float64, c.w(), 2),
              dy = random_array(DType::float64, c.y(), 3), y = unwritten(DType::float64, c.y());
  ops::conv_forward(Exec(), c.shape, x, w, 1, Array(), y, 0);
  Array const dx = Array::zeros(Exec(), DType::float64, c.x()), dw = Array::zeros(Exec(), DType::float64, c.w());
  ops::conv_backward(Exec(), c.shape, x, w, 1, dy, 0, dx, dw, Array());
  auto const dot = [](Values const& a, Values const& b, index_t begin, index_t count) {
    double sum = 0;
    for (index_t i = begin; i < begin + count; ++i)
      sum += a[at(i)] * b[at(i)];
    return sum;
  };
  auto const hx = x.to_host(), hdx = dx.to_host(), hy = y.to_host(), hdy = dy.to_host();
  for (index_t b = 0; b < c.batch; ++b) {
    index_t const nx = x.size() / c.batch, ny = y.size() / c.batch;
    EXPECT_NEAR(dot(hx, hdx, b * nx, nx), dot(hy, hdy, b * ny, ny), 1e-9);
  }
  EXPECT_NEAR(dot(w.to_host(), dw.to_host(), 0, w.size()), dot(hy, hdy, 0, y.size()), 1e-9);

  // Each gradient alone is the same as all together.
  Array const dx_alone = Array::zeros(Exec(), DType::float64, c.x()),
              dw_alone = Array::zeros(Exec(), DType::float64, c.w());
  ops::conv_backward(Exec(), c.shape, x, w, 1, dy, 0, dx_alone, Array(), Array());
  ops::conv_backward(Exec(), c.shape, x, w, 1, dy, 0, Array(), dw_alone, Array());
  EXPECT_EQ(dx_alone.to_host(), hdx);
  EXPECT_EQ(dw_alone.to_host(), dw.to_host());
}

TEST(Conv, EmptyTilesAndShortBorders)
{
  Array const x = Array::empty(DType::float32, {2, 0, 5, 3}), w = random_array(DType::float32, {4, 3, 3, 3}, 1),
              none = Array::empty(DType::float32, {2, 0, 3, 4}),
              dw = Array::zeros(Exec(), DType::float32, {4, 3, 3, 3});
  ops::conv_forward(Exec(), {3, 1, 0}, x, w, 1, Array(), none, 0);
  ops::conv_backward(Exec(), {3, 1, 0}, x, w, 1, none, 0, x, dw, Array());
  EXPECT_EQ(dw.to_host(), Values(at(dw.size()), 0.0));
  Array const short_x = random_array(DType::float32, {1, 4, 5, 3}, 2), y = unwritten(DType::float32, {1, 3, 3, 4});
  EXPECT_THROW(ops::conv_forward(Exec(), {3, 1, 0}, short_x, w, 1, Array(), y, 0), std::logic_error);
}

} // namespace
} // namespace rossby
