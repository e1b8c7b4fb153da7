#include <rossby/dist/process_grid.hpp>

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace rossby {

namespace {

/// Tile `i` of `n` along an axis.
index_t cut_at(index_t extent, int i, int n) { return extent * i / n; }

/// Does every rank of this grid get a coarse cell? The smallest tile has the least of both.
bool fits(index_t height, index_t width, int rows, int columns, int tensor)
{
  return rows <= height && columns <= width && std::max(height / rows, width / columns) >= tensor;
}

/// The process grid of most tiles, up to as many as wanted, that leaves no rank without a coarse cell; of several the
/// one with the squarest tiles.
std::string fitting_grid(index_t height, index_t width, ProcessGrid const& wanted)
{
  int best_rows = 0, best_columns = 0;
  double best_shape = 0;
  for (int rows = 1; rows <= std::min<index_t>(height, wanted.domains()); ++rows)
    for (int columns = 1; columns <= std::min<index_t>(width, wanted.domains() / rows); ++columns) {
      double const aspect = static_cast<double>(height * columns) / static_cast<double>(width * rows);
      double const shape = std::max(aspect, 1 / aspect);
      int const tiles = rows * columns, most = best_rows * best_columns;
      if (fits(height, width, rows, columns, wanted.tensor) &&
          (tiles > most || (tiles == most && shape < best_shape))) {
        best_rows = rows;
        best_columns = columns;
        best_shape = shape;
      }
    }
  if (best_rows == 0)
    return fmt::format("at most {} ranks can share these cells", std::max(height, width));
  return fmt::format("'domain: [{}, {}]' fits", best_rows, best_columns);
}

} // namespace

std::vector<Box> cut_cells(index_t height, index_t width, ProcessGrid const& grid)
{
  if (grid.rows > height || grid.columns > width)
    fail("trainer.parallelism.domain",
         fmt::format("a process grid of {} x {} tiles on {} x {} coarse cells leaves tiles empty", grid.rows,
                     grid.columns, height, width),
         fitting_grid(height, width, grid));
  if (!fits(height, width, grid.rows, grid.columns, grid.tensor))
    fail("trainer.parallelism.tensor",
         fmt::format("{} ranks can't share a tile of {} x {} coarse cells", grid.tensor, height / grid.rows,
                     width / grid.columns),
         fmt::format("at most {} can; {}", std::max(height / grid.rows, width / grid.columns),
                     fitting_grid(height, width, grid)));
  std::vector<Box> boxes;
  for (int t = 0; t < grid.tensor; ++t)
    for (int i = 0; i < grid.rows; ++i)
      for (int j = 0; j < grid.columns; ++j) {
        Box b{cut_at(height, i, grid.rows), cut_at(height, i + 1, grid.rows), cut_at(width, j, grid.columns),
              cut_at(width, j + 1, grid.columns)};
        bool const by_rows = b.rows() >= b.cols();
        index_t const from = by_rows ? b.row0 : b.col0, length = by_rows ? b.rows() : b.cols();
        (by_rows ? b.row0 : b.col0) = from + cut_at(length, t, grid.tensor);
        (by_rows ? b.row1 : b.col1) = from + cut_at(length, t + 1, grid.tensor);
        boxes.push_back(b);
      }
  return boxes;
}

} // namespace rossby
