#include <rossby/nn/unpad.hpp>

#include "bilinear.hpp"

namespace rossby {

Tiling Unpad::output_of(Tiling const& padded, SpherePadding const& padding, index_t image_h, index_t image_w)
{
  index_t const top = padding.top, left = padding.left;
  index_t const h = padded.height() - top - padding.bottom, w = padded.width() - left - padding.right;
  auto const cut_of = [](index_t begin, index_t pad, index_t in, index_t out) {
    index_t i = 0;
    while (i < out && tap_of(i, in, out).low + pad < begin)
      ++i;
    return i;
  };
  std::vector<Box> boxes;
  for (int r = 0; r < padded.ranks(); ++r) {
    Box const& b = padded.box(r);
    boxes.push_back(
        {cut_of(b.row0, top, h, image_h), b.row1 == padded.height() ? image_h : cut_of(b.row1, top, h, image_h),
         cut_of(b.col0, left, w, image_w), b.col1 == padded.width() ? image_w : cut_of(b.col1, left, w, image_w)});
  }
  return {image_h, image_w, std::move(boxes)};
}

Unpad::Unpad(Exec const& exec, Communicator const& group, Tiling const& padded, SpherePadding const& padding,
             index_t image_h, index_t image_w)
    : output_(output_of(padded, padding, image_h, image_w))
{
  index_t const top = padding.top, left = padding.left;
  index_t const h = padded.height() - top - padding.bottom, w = padded.width() - left - padding.right;
  resizes_ = image_h != h || image_w != w;

  Box const mine = output_.box(group.rank());
  tile_ = {mine.rows(), mine.cols()};
  Box source = mine;
  if (resizes_ && mine.empty())
    source = {};
  else if (resizes_)
    source = {tap_of(mine.row0, h, image_h).low, tap_of(mine.row1 - 1, h, image_h).high + 1,
              tap_of(mine.col0, w, image_w).low, tap_of(mine.col1 - 1, w, image_w).high + 1};
  crop_ = box_map(exec, group, padded, source,
                  [&](index_t r, index_t c) { return (r + top) * padded.width() + (c + left); });
  if (!resizes_)
    return;
  std::vector<ops::Stencil::Entry> entries;
  for (index_t r = mine.row0; r < mine.row1; ++r)
    for (index_t c = mine.col0; c < mine.col1; ++c)
      add_bilinear(entries, (r - mine.row0) * mine.cols() + (c - mine.col0), tap_of(r, h, image_h),
                   tap_of(c, w, image_w), source);
  resize_ = ops::Stencil(exec, mine.cells(), source.cells(), entries);
}

Var unpad_shard_interp(Context& ctx, Var const& y_pred, Unpad const& unpad)
{
  Var const x = map_cells(ctx, unpad.crop_.map, y_pred, unpad.crop_.cells);
  return unpad.resizes_ ? apply_stencil(ctx, unpad.resize_, x, unpad.tile_) : x;
}

} // namespace rossby
