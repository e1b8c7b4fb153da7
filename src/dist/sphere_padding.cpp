#include <rossby/dist/sphere_padding.hpp>

#include <cstdlib>

namespace rossby {

namespace {
index_t positive_modulo(index_t a, index_t n) { return (a % n + n) % n; }
} // namespace

PaddedCell padding_source(SpherePadding const& padding, index_t height, index_t width, index_t row, index_t col)
{
  index_t r = row - padding.top, c = positive_modulo(col - padding.left, width);
  if (padding.mode == SpherePadding::Mode::earth) {
    if (r < 0 || r >= height) {
      r = r < 0 ? -1 - r : 2 * height - 1 - r;
      c = positive_modulo(c - width / 2, width);
    }
    return {r, c};
  }
  r = std::abs(r);
  if (r >= height)
    r = 2 * (height - 1) - r;
  return {r, c};
}

} // namespace rossby
