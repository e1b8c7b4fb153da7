#include <rossby/core/array.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace rossby {
namespace {

std::vector<double> counted(std::size_t n)
{
  std::vector<double> v(n);
  std::iota(v.begin(), v.end(), 0.0);
  return v;
}

TEST(Array, HoldsWhatTheHostGave)
{
  for (DType const dtype : {DType::float64, DType::float32}) {
    auto const a = Array::from_host(Exec(), dtype, {2, 3, 4}, counted(24));
    EXPECT_EQ(a.dtype(), dtype);
    EXPECT_EQ(a.rank(), 3);
    EXPECT_EQ(a.extent(1), 3);
    EXPECT_EQ(a.bytes(), 24 * size_of(dtype));
    EXPECT_EQ(a.to_host(Exec()), counted(24));
    EXPECT_EQ(Array::zeros(Exec(), dtype, {5}).to_host(Exec()), std::vector<double>(5, 0.0));
  }
  EXPECT_THROW(Array::from_host(Exec(), DType::float64, {2, 2}, counted(5)), std::logic_error);
  EXPECT_EQ(to_string({2, 32, 64}), "[2, 32, 64]");
  EXPECT_EQ(product({}), 1);
}

TEST(Array, ViewsKnowShapeAndType)
{
  auto const a = Array::from_host(Exec(), DType::float32, {2, 3}, counted(6));
  auto const v = a.view<float, 2>();
  EXPECT_EQ(v.extent(0), 2u);
  EXPECT_EQ(v.extent(1), 3u);
  EXPECT_EQ(a.flat<float>().extent(0), 6u);
  EXPECT_THROW((a.view<double, 2>()), std::logic_error);
  EXPECT_THROW((a.view<float, 3>()), std::logic_error);
}

TEST(Array, PartsShareMemory)
{
  Exec const exec;
  auto const a = Array::from_host(Exec(), DType::float64, {4, 3}, counted(12));
  EXPECT_FALSE(a.shared());
  auto const middle = a.rows(1, 2);
  EXPECT_TRUE(a.shared());
  EXPECT_EQ(middle.shape(), (Shape{2, 3}));
  EXPECT_EQ(middle.to_host(Exec()), (std::vector<double>{3, 4, 5, 6, 7, 8}));
  auto const piece = a.slice(5, {2, 2});
  EXPECT_EQ(piece.to_host(Exec()), (std::vector<double>{5, 6, 7, 8}));
  auto const turned = a.reshaped({2, 6}).rows(1, 1);
  turned.fill(exec, -1);
  EXPECT_EQ(a.to_host(Exec()), (std::vector<double>{0, 1, 2, 3, 4, 5, -1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(a.rows(4, 0).size(), 0);
  EXPECT_EQ(Array::empty(DType::float64, {0, 3}).rows(0, 0).size(), 0);
  EXPECT_THROW(a.rows(3, 2), std::logic_error);
  EXPECT_THROW(a.slice(10, {3}), std::logic_error);
  EXPECT_THROW(a.reshaped({5, 2}), std::logic_error);
}

TEST(Array, PartsOutliveTheWhole)
{
  Array last;
  {
    auto const a = Array::from_host(Exec(), DType::float64, {3, 2}, counted(6));
    last = a.rows(2, 1);
  }
  auto const other = Array::zeros(Exec(), DType::float64, {3, 2}); // would take the block, were it free
  EXPECT_EQ(last.to_host(Exec()), (std::vector<double>{4, 5}));
}

TEST(Array, CopiesAndCasts)
{
  Exec const exec;
  auto const a = Array::from_host(Exec(), DType::float64, {3}, {0.1, -2, 1e300});
  auto const copy = a.clone(exec);
  copy.fill(exec, 9);
  EXPECT_EQ(a.to_host(Exec()), (std::vector<double>{0.1, -2, 1e300}));
  copy.copy_from(exec, a);
  EXPECT_EQ(copy.to_host(Exec()), a.to_host(Exec()));
  auto const narrow = a.cast(exec, DType::float32).to_host(Exec());
  EXPECT_EQ(narrow[0], static_cast<double>(0.1f));
  EXPECT_EQ(narrow[1], -2);
  EXPECT_TRUE(std::isinf(narrow[2]));
  EXPECT_EQ(a.cast(exec, DType::float32).cast(exec, DType::float64).to_host(Exec()), narrow);
  EXPECT_EQ(a.cast(exec, DType::float64).data(), a.data()); // nothing to convert: no copy
  EXPECT_THROW(a.copy_from(exec, Array::zeros(exec, DType::float32, {3})), std::logic_error);
  EXPECT_THROW(a.copy_from_host(exec, {1, 2}), std::logic_error);
}

TEST(Array, EmptyOnesWork)
{
  Exec const exec;
  auto const none = Array::empty(DType::float32, {2, 0, 5});
  EXPECT_TRUE(static_cast<bool>(none));
  EXPECT_FALSE(static_cast<bool>(Array()));
  EXPECT_TRUE(none.to_host(Exec()).empty());
  none.fill(exec, 1);
  EXPECT_EQ(none.clone(exec).shape(), none.shape());
  EXPECT_EQ(IndexList(Exec(), std::vector<index_t>{}).size(), 0);
}

} // namespace
} // namespace rossby
