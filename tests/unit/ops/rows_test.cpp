// Rows by themselves. Built twice: with rows as the host walks them, and as a device deals them to lanes.
#include "core/rows.hpp"

#include <rossby/core/array.hpp>

#include <gtest/gtest.h>

#include <numeric>

namespace {

using namespace rossby;

/// 0.5, 1.5, ... as elements of T, `offset` elements behind a boundary of 16 bytes.
template <class T> struct Numbers {
  Numbers(index_t count, index_t offset)
  {
    std::vector<double> values(static_cast<std::size_t>(count + offset));
    for (index_t i = 0; i < count; ++i)
      values[static_cast<std::size_t>(i + offset)] = static_cast<double>(i % 50) + 0.5;
    array = Array::from_host(Exec(), dtype_of<T>(), {count + offset}, values);
    data = array.flat<T>().data() + offset;
  }
  std::vector<double> values(index_t count) const
  {
    auto const all = array.to_host(Exec());
    return {all.end() - count, all.end()};
  }
  Array array;
  T* data;
};

/// Lengths that fill packs and that don't, from places on a boundary and off it.
template <class T> void check_rows()
{
  using W = wide_t<T>;
  Exec const exec;
  for (index_t const n : {1, 7, 16, 48, 51, 128})
    for (index_t const offset : {0, 1, 3}) {
      index_t const count = 5;
      Numbers<T> const a(count * n, offset), b(count * n, 0), written(count * n, offset), changed(count * n, 0),
          total(count * n, offset);
      Numbers<W> const sums(count, 0);
      T *const x = a.data, *const y = b.data, *const to = written.data, *const onto_it = changed.data,
               *const all = total.data;
      W* const sum = sums.data;
      for_rows(
          "rossby::test::rows", exec, count, n, KOKKOS_LAMBDA(Row const& row) {
            index_t const first = row.number() * n;
            row.each(
                n, [](T& out, W u, W v) { out = T(u - W(2) * v); }, into(to + first), x + first, y + first);
            row.each(
                n, [](T& out, W u) { out = T(out + u); }, onto(onto_it + first), x + first);
            sum[row.number()] = row.sum<W>(
                n, [](W u, W v) { return u * v; }, x + first, y + first);
            row.sums<W>(n, onto(all + first), [&](auto const& add) {
              add(x + first);
              add(y + first, W(0.25));
            });
          });
      exec.fence();
      auto const u = a.values(count * n), v = b.values(count * n), difference = written.values(count * n),
                 doubled = changed.values(count * n), summed = total.values(count * n), products = sums.values(count);
      auto const rounded = [](double value) { return static_cast<double>(static_cast<W>(T(static_cast<W>(value)))); };
      for (std::size_t i = 0; i < u.size(); ++i) {
        EXPECT_EQ(difference[i], rounded(u[i] - 2 * v[i])) << n << ' ' << offset << ' ' << i;
        EXPECT_EQ(doubled[i], rounded(u[i] + v[i])) << n << ' ' << offset << ' ' << i;
        EXPECT_EQ(summed[i], rounded(2 * u[i] + 0.25 * v[i])) << n << ' ' << offset << ' ' << i;
      }
      for (index_t r = 0; r < count; ++r) {
        auto const from = u.begin() + r * n;
        EXPECT_EQ(products[static_cast<std::size_t>(r)], std::inner_product(from, from + n, v.begin() + r * n, 0.0));
      }
    }
}

// (nvcc takes no kernels in the body of a TEST.)
void copy_and_fill(Exec const& exec, bfloat16 const* from, float* to)
{
  for_rows(
      "rossby::test::copy", exec, 2, 8, KOKKOS_LAMBDA(Row const& row) {
        index_t const first = row.number() * 8;
        row.copy(8, to + first + 8, from + first);
        if (row.number() == 0)
          row.fill(8, to, 7.0F);
      });
}

void no_rows(Exec const& exec) { for_rows("rossby::test::none", exec, 0, 8, KOKKOS_LAMBDA(Row const&){}); }

TEST(Rows, AnyLengthFromAnyPlace)
{
  check_rows<double>();
  check_rows<float>();
  check_rows<bfloat16>();
}

TEST(Rows, CopiesAndFills)
{
  Numbers<bfloat16> const narrow(24, 0);
  Numbers<float> const wide(24, 0);
  Exec const exec;
  copy_and_fill(exec, narrow.data, wide.data);
  exec.fence();
  std::vector<double> expected(8, 7);
  for (int i = 0; i < 16; ++i)
    expected.push_back(i + 0.5);
  EXPECT_EQ(wide.values(24), expected);
}

TEST(Rows, NoneAreNoLaunchThatFails) { no_rows(Exec()); }

} // namespace
