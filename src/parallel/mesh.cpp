#include <rossby/parallel/mesh.hpp>

namespace rossby {

Mesh::Mesh(Communicator const& all, int grid_rows, int grid_columns)
    : world(all), data(all.split(all.rank() % (grid_rows * grid_columns), all.rank())),
      spatial(all.split(all.rank() / (grid_rows * grid_columns), all.rank())), rows(grid_rows), columns(grid_columns)
{
  ROSSBY_EXPECT(all.size() % (grid_rows * grid_columns) == 0);
}

} // namespace rossby
