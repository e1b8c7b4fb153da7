#include <rossby/dist/box_map.hpp>

namespace rossby {

BoxMap box_map(Exec const& exec, Communicator const& group, Tiling const& source, Box const& box,
               std::function<index_t(index_t, index_t)> const& number)
{
  std::vector<index_t> wanted;
  std::vector<bool> local;
  for (index_t r = box.row0; r < box.row1; ++r)
    for (index_t c = box.col0; c < box.col1; ++c) {
      index_t const cell = number(r, c);
      wanted.push_back(cell);
      local.push_back(cell == IndexMap::nothing ||
                      source.owner(cell / source.width(), cell % source.width()) == group.rank());
    }
  return {IndexMap(exec, group, source, wanted), {box.rows(), box.cols()}, largest_box(local, box.cols())};
}

} // namespace rossby
