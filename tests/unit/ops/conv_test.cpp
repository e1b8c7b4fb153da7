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
  auto const hx = x.to_host(Exec()), hw = w.to_host(Exec()), hb = bias ? bias.to_host(Exec()) : Values(at(c.out), 0.0);
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
  auto const wanted = reference(c, x, w, 0.3, bias, y.to_host(Exec()));
  ops::conv_forward(Exec(), c.shape, x, w, scale_by(0.3), bias, y, c.channel0, ops::all_of(y));
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
          ops::conv_forward(Exec(), c.shape, in[0], in[1], scale_by(scale), in[2], y, c.channel0, ops::all_of(y));
          return y;
        },
        [&](Arrays const& in, Array const& dy) {
          Array const dx = sum_begun(in[0]), dw = sum_begun(in[1]), db = sum_begun(in[2]);
          ops::conv_input_backward(Exec(), c.shape, in[1], scale_by(scale), dy, c.channel0, dx, ops::all_of(dy));
          ops::conv_weight_backward(Exec(), c.shape, in[0], dy, c.channel0, dw, db);
          auto dw_scaled = added(dw).to_host(Exec()); // of the scaled weight
          for (double& e : dw_scaled)
            e *= scale;
          return Arrays{added(dx), Array::from_host(Exec(), DType::float64, c.w(), dw_scaled), added(db)};
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
  ops::conv_forward(Exec(), c.shape, x, w, {}, Array(), y, 0, ops::all_of(y));
  Array const dx = Array::zeros(Exec(), DType::float64, c.x()), dw = Array::zeros(Exec(), DType::float64, c.w());
  ops::conv_input_backward(Exec(), c.shape, w, {}, dy, 0, dx, ops::all_of(dy));
  ops::conv_weight_backward(Exec(), c.shape, x, dy, 0, dw, Array());
  auto const dot = [](Values const& a, Values const& b, index_t begin, index_t count) {
    double sum = 0;
    for (index_t i = begin; i < begin + count; ++i)
      sum += a[at(i)] * b[at(i)];
    return sum;
  };
  auto const hx = x.to_host(Exec()), hdx = dx.to_host(Exec()), hy = y.to_host(Exec()), hdy = dy.to_host(Exec());
  for (index_t b = 0; b < c.batch; ++b) {
    index_t const nx = x.size() / c.batch, ny = y.size() / c.batch;
    EXPECT_NEAR(dot(hx, hdx, b * nx, nx), dot(hy, hdy, b * ny, ny), 1e-9);
  }
  EXPECT_NEAR(dot(w.to_host(Exec()), dw.to_host(Exec()), 0, w.size()), dot(hy, hdy, 0, y.size()), 1e-9);
}

TEST(Conv, EmptyTilesAndShortBorders)
{
  Array const x = Array::empty(DType::float32, {2, 0, 5, 3}), w = random_array(DType::float32, {4, 3, 3, 3}, 1),
              none = Array::empty(DType::float32, {2, 0, 3, 4}),
              dw = Array::zeros(Exec(), DType::float32, {4, 3, 3, 3});
  ops::conv_forward(Exec(), {3, 1, 0}, x, w, {}, Array(), none, 0, ops::all_of(none));
  ops::conv_input_backward(Exec(), {3, 1, 0}, w, {}, none, 0, x, ops::all_of(none));
  ops::conv_weight_backward(Exec(), {3, 1, 0}, x, none, 0, dw, Array());
  EXPECT_EQ(dw.to_host(Exec()), Values(at(dw.size()), 0.0));
  Array const short_x = random_array(DType::float32, {1, 4, 5, 3}, 2), y = unwritten(DType::float32, {1, 3, 3, 4});
  EXPECT_THROW(ops::conv_forward(Exec(), {3, 1, 0}, short_x, w, {}, Array(), y, 0, ops::all_of(y)), std::logic_error);
}

/// Whole numbers from -4 to 4: sums of their products are exact, in any order.
Array whole_numbers(DType type, Shape shape, std::uint64_t seed)
{
  auto v = random_array(type, std::move(shape), seed);
  auto numbers = v.to_host(Exec());
  for (double& n : numbers)
    n = std::clamp(std::round(2 * n), -4.0, 4.0);
  v.copy_from_host(Exec(), numbers);
  return v;
}

// Part by part, the border before the interior or after it, is the same as all at once.
TEST(Conv, PartsMakeTheWhole)
{
  Case const several_blocks{"several blocks", 3, 7, 32, 19, 2, {8, 3, 1}, 1, 2, 3};
  std::vector<Case> all(std::begin(cases), std::end(cases));
  all.push_back(several_blocks);
  for (auto const& c : all)
    for (DType const type : {DType::float64, DType::float32}) {
      SCOPED_TRACE(c.what);
      Array const x = whole_numbers(type, c.x(), 1), w = whole_numbers(type, c.w(), 2),
                  bias = whole_numbers(type, {c.out}, 3), dy = whole_numbers(type, c.y(), 4);
      Array const y = whole_numbers(type, c.y(), 5), begun = y.clone(Exec()), dx = Array::zeros(Exec(), type, c.x());
      ops::conv_forward(Exec(), c.shape, x, w, scale_by(0.5), bias, y, c.channel0, ops::all_of(y));
      ops::conv_input_backward(Exec(), c.shape, w, scale_by(0.5), dy, c.channel0, dx, ops::all_of(dy));
      Box const whole{0, c.out_rows, 0, c.out_cols};
      for (Box const& inner : {Box{1, c.out_rows, 0, c.out_cols}, Box{0, c.out_rows - 1, 0, c.out_cols},
                               Box{0, c.out_rows, 1, c.out_cols - 1}, Box{1, c.out_rows - 1, 1, c.out_cols}, Box{}}) {
        if (inner.rows() < 0 || inner.cols() < 0)
          continue;
        auto parts = frame(whole, intersect(inner, whole));
        parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(parts.size() / 2), inner);
        Array const y_parts = begun.clone(Exec()), dx_parts = Array::zeros(Exec(), type, c.x());
        int turns = 0;
        for (auto const& cells : parts) {
          ops::Turn const part{cells, [&] { ++turns; }};
          ops::conv_forward(Exec(), c.shape, x, w, scale_by(0.5), bias, y_parts, c.channel0, part);
          ops::conv_input_backward(Exec(), c.shape, w, scale_by(0.5), dy, c.channel0, dx_parts, part);
        }
        EXPECT_EQ(y_parts.to_host(Exec()), y.to_host(Exec()));
        EXPECT_EQ(dx_parts.to_host(Exec()), dx.to_host(Exec()));
        EXPECT_GE(turns, 1);
      }
    }
}

// The cells in reach are those whose windows lie in the box, and no row or column more would do.
TEST(Conv, Footprint)
{
  for (std::vector<ops::ConvShape> const& shapes :
       {std::vector<ops::ConvShape>{{3, 1, 0}}, {{4, 2, 3}}, {{2, 3, 1}}, {{2, 2, 3}, {8, 2, 0}}}) {
    index_t const rows = 5, cols = 4;
    for (Box const& input : {Box{0, 20, 0, 20}, Box{1, 9, 2, 20}, Box{4, 7, 0, 6}, Box{3, 4, 3, 4}, Box{}}) {
      std::vector<bool> local;
      for (index_t i = 0; i < rows; ++i)
        for (index_t j = 0; j < cols; ++j) {
          bool inside = true;
          for (auto const& s : shapes) {
            index_t const r = s.offset + i * s.stride, c = s.offset + j * s.stride;
            inside = inside && r >= input.row0 && r + s.kernel <= input.row1 && c >= input.col0 &&
                     c + s.kernel <= input.col1;
          }
          local.push_back(inside);
        }
      EXPECT_EQ(ops::cells_needing_only(shapes, input, rows, cols), largest_box(local, cols));
    }
  }
}

} // namespace
} // namespace rossby
