#include <rossby/ops/shuffle.hpp>
#include <support/adjoint_check.hpp>
#include <support/arrays.hpp>

namespace rossby {
namespace {
using namespace test;

TEST(PixelShuffle, IsPyTorchsPermutation)
{
  index_t const batch = 2, rows = 3, cols = 2, channels = 3;
  for (DType const type : {DType::float64, DType::float32}) {
    Array const x = random_array(type, {batch, rows, cols, 4 * channels}, 1),
                y = unwritten(type, {batch, 2 * rows, 2 * cols, channels});
    ops::pixel_shuffle_forward(Exec(), x, y);
    auto const hx = x.to_host(Exec()), hy = y.to_host(Exec());
    for (index_t b = 0; b < batch; ++b)
      for (index_t i = 0; i < 2 * rows; ++i)
        for (index_t j = 0; j < 2 * cols; ++j)
          for (index_t c = 0; c < channels; ++c)
            EXPECT_EQ(hy[at(((b * 2 * rows + i) * 2 * cols + j) * channels + c)],
                      hx[at(((b * rows + i / 2) * cols + j / 2) * 4 * channels + 4 * c + 2 * (i % 2) + j % 2)]);
    Array const back = unwritten(type, x.shape());
    ops::pixel_shuffle_backward(Exec(), y, back); // a permutation's adjoint is its inverse
    EXPECT_EQ(back.to_host(Exec()), hx);
  }
  EXPECT_THROW(ops::pixel_shuffle_forward(Exec(), Array::empty(DType::float32, {1, 2, 2, 8}),
                                          Array::empty(DType::float32, {1, 4, 4, 4})),
               std::logic_error);
}

TEST(Stencil, IsTheSparseMatrix)
{
  // Unsorted; target 3 has no entry, entry (1, 2) comes twice, source 1 goes nowhere.
  std::vector<ops::Stencil::Entry> const entries{{2, 0, 0.5}, {0, 2, -1}, {1, 2, 0.25},
                                                 {4, 3, 2},   {1, 2, 1},  {1, 0, 3}};
  ops::Stencil const stencil(Exec(), 5, 4, entries);
  EXPECT_EQ(stencil.targets(), 5);
  EXPECT_EQ(stencil.sources(), 4);
  index_t const batch = 2, channels = 3;
  for (DType const type : {DType::float64, DType::float32}) {
    Array const x = random_array(type, {batch, 4, channels}, 1), dy = random_array(type, {batch, 5, channels}, 2),
                y = unwritten(type, dy.shape()), dx = unwritten(type, x.shape());
    auto const hx = x.to_host(Exec()), hdy = dy.to_host(Exec());
    Values y_wanted(at(y.size()), 0.0), dx_wanted(at(x.size()), 0.0);
    for (auto const& e : entries)
      for (index_t b = 0; b < batch; ++b)
        for (index_t c = 0; c < channels; ++c) {
          std::size_t const t = at((b * 5 + e.target) * channels + c), s = at((b * 4 + e.source) * channels + c);
          y_wanted[t] += e.weight * hx[s];
          dx_wanted[s] += e.weight * hdy[t];
        }
    stencil.apply(Exec(), x, y);
    stencil.adjoint(Exec(), dy, dx);
    expect_close(y, y_wanted);
    expect_close(dx, dx_wanted);
    if (type == DType::float64) {
      EXPECT_LT(adjoint_defect(Communicator(), x, dy, y, dx), 1e-14);
    }
  }
}

TEST(Stencil, NothingToNothing)
{
  ops::Stencil const stencil(Exec(), 0, 3, {});
  Array const x = random_array(DType::float64, {1, 3, 2}, 1), y = Array::empty(DType::float64, {1, 0, 2}),
              dx = unwritten(DType::float64, {1, 3, 2});
  stencil.apply(Exec(), x, y);
  stencil.adjoint(Exec(), y, dx);
  EXPECT_EQ(dx.to_host(Exec()), Values(6, 0.0));
}

} // namespace
} // namespace rossby
